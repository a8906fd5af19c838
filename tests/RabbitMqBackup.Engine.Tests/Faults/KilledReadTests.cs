using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>
/// SIGKILL while one and the same queue is read, again and again: whatever was held is back each time, nothing is lost, nothing doubled. With RABBITMQ_TEST_LONG a hundred kills for each generation and queue
/// type. A classic queue keeps its order; a quorum queue does after one kill. What a broker takes back of a quorum queue goes behind what it took back before: a second kill that strikes while a part
/// of that is held leaves this part behind the rest of it, and no reader that is dead can help it.
/// </summary>
public class KilledReadTests
{
    private const int Messages = 20_000;
    private const string Queue = "q";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("3.10", "classic")]
    [InlineData("3.10", "quorum")]
    [InlineData("4.0", "classic")]
    [InlineData("4.0", "quorum")]
    [InlineData("4.3", "classic")]
    [InlineData("4.3", "quorum")]
    public async Task A_reader_that_is_killed_again_and_again_loses_nothing_and_doubles_nothing(string generation, string type)
    {
        await using TestVirtualHost host = await Brokers.VirtualHostAsync(generation);
        using EngineHarness harness = EngineHarness.For(host);
        await using IndependentClient client = await IndependentClient.ConnectAsync(host.Broker, host.Name);
        // A hundred kills cost a hundred deliveries, which is more than the default limit.
        await client.DeclareAsync(Queue, type, type == "quorum" ? new() { ["x-delivery-limit"] = 10_000 } : null);
        await client.PublishAsync(Queue, Enumerable.Range(0, Messages).Select(number => (new BasicProperties { MessageId = $"{number}" }, new byte[300])));
        int seed = Environment.TickCount;
        Random random = new(seed);
        int kills = LongRun.Count(2, 100), killed = 0, caughtReading = 0;
        for (int round = 0; killed < kills && round < 3 * kills; round++)
        {
            string place = $"seed {seed}, round {round}";
            using CrashChild child = await CrashChild.StartAsync(harness.Broker, host.Name, Queue, harness.Folder, $"round-{round}", Path.Combine(harness.Folder, "checkpoints"), resume: false);
            Task<bool> killing = child.KillAfterAsync(0, TimeSpan.FromMilliseconds(random.Next(50, 1500)));
            bool seenHeld = false;
            while (!killing.IsCompleted)
            {
                seenHeld |= await client.CountAsync(Queue) < Messages;
            }

            killed += await killing ? 1 : 0;
            caughtReading += await killing && seenHeld ? 1 : 0;
            await client.UntilCountAsync(Queue, Messages, place);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{generation} {type}: {killed} kills, {caughtReading} while messages were held, seed {seed}");
        Assert.True(killed >= Math.Min(kills, 1), "No reader was killed before its end.");
        List<int> numbers = [.. (await client.TakeIdsAsync(Queue)).Select(int.Parse)];
        Assert.Equal(Enumerable.Range(0, Messages), type == "classic" ? numbers : numbers.Order());
        await using BackupCatalog catalog = new(harness.Store);
        await foreach (BackupManifest manifest in catalog.ListAsync(new BackupQuery(), damaged => Assert.Fail(damaged.Message), Cancellation))
        {
            Assert.Equal((BackupStatus.Complete, Messages), (manifest.Status, (int)manifest.TotalMessages));
            Assert.Empty((await harness.VerifyAsync(manifest)).Findings);
        }
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task A_quorum_queue_whose_reader_was_killed_once_is_in_order(string generation)
    {
        await using TestVirtualHost host = await Brokers.VirtualHostAsync(generation);
        using EngineHarness harness = EngineHarness.For(host);
        await using IndependentClient client = await IndependentClient.ConnectAsync(host.Broker, host.Name);
        int wanted = LongRun.Count(1, 20), caught = 0;
        for (int round = 0; caught < wanted; round++)
        {
            string queue = $"q-{round}";
            Assert.True(round < 20 * wanted, "No reader was killed while it held messages.");
            await client.DeclareAsync(queue, "quorum");
            await client.PublishAsync(queue, Enumerable.Range(0, Messages).Select(number => (new BasicProperties { MessageId = $"{number}" }, new byte[300])));
            using (CrashChild child = await CrashChild.StartAsync(harness.Broker, host.Name, queue, harness.Folder, queue, Path.Combine(harness.Folder, "checkpoints"), resume: false))
            {
                for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); await client.CountAsync(queue) == Messages && DateTime.UtcNow < deadline;)
                {
                }

                caught += await child.KillAfterAsync(0, TimeSpan.FromMilliseconds(Random.Shared.Next(500))) ? 1 : 0;
            }

            await client.UntilCountAsync(queue, Messages);

            Assert.Equal(Messages, await client.TakeAscendingAsync(queue, Messages));
            await client.DeleteAsync(queue);
        }
    }
}
