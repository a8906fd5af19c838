using System.Diagnostics;
using RabbitMqBackup.Quickstart;
using RabbitMqBackup.TestHost;

// The whole journey on a broker of its own: fill, back up, look, check, lose the queues, restore, compare.
Stopwatch watch = Stopwatch.StartNew();
string folder = Directory.CreateTempSubdirectory("rabbitmq-quickstart-").FullName;
try
{
    Story.Heading("Getting a broker");
    Story.Tell("From RABBITMQ_TEST_*, Docker, or Debian's packages. Where something must be fetched first, this takes a minute or two.");
    TestBroker broker = await TestBroker.GetAsync();
    Story.Tell($"RabbitMQ {broker.Version} from {broker.Origin}: amqp {broker.Host}:{broker.AmqpPort}, management {broker.ManagementUri}");
    await using TestVirtualHost virtualHost = await TestVirtualHost.CreateAsync(broker, "quickstart");
    await using Journey journey = await Journey.StartAsync(virtualHost, Path.Combine(folder, "backups"));
    await journey.RunAsync();
    Story.Heading($"Done in {watch.Elapsed.TotalSeconds:F0} s");
    Story.Tell("What was restored is what was there: every message, in order, with body, properties and headers.");
    return 0;
}
catch (TestServerUnavailableException e)
{
    return Story.Fail($"There is no broker to try this on.{Environment.NewLine}{e.Message}");
}
catch (JourneyException e)
{
    return Story.Fail(e.Message);
}
finally
{
    Directory.Delete(folder, recursive: true);
    Story.Tell("The virtual host, the backup and a broker that was started for this are deleted.");
}
