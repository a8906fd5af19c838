using RabbitMqBackup.Bench;
using RabbitMqBackup.Bench.Scenarios;
using RabbitMqBackup.Bench.Workers;
using RabbitMqBackup.TestHost;

if (args is [ChildProcess.Verb, var worker])
{
    return await ChildProcess.RunAsChildAsync(worker);
}

if (args.Contains("--help"))
{
    Console.WriteLine(BenchOptions.Usage);
    return 0;
}

BenchOptions options;
try
{
    options = BenchOptions.Parse(args);
}
catch (ArgumentException e)
{
    Console.Error.WriteLine(e.Message);
    Console.Error.WriteLine();
    Console.Error.WriteLine(BenchOptions.Usage);
    return 2;
}

try
{
    await using OwnTestBroker broker = await TestBroker.StartOwnAsync(options.Generation);
    Console.WriteLine($"RabbitMQ {broker.Version} from {broker.Origin}; {Environment.ProcessorCount} processors, shared with the broker");
    Console.WriteLine($"{options.Messages:N0} messages of {options.Size:N0} B ({options.Body.ToString().ToLowerInvariant()}), {options.Rounds} round(s)");
    foreach (IScenario scenario in options.Scenarios)
    {
        await scenario.RunAsync(broker, options);
    }

    return 0;
}
catch (TestServerUnavailableException e)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
catch (BenchException e)
{
    Console.Error.WriteLine($"{Environment.NewLine}FAILED: {e.Message}");
    return 1;
}
