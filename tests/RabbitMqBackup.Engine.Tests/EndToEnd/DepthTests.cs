using System.Globalization;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.Faults;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd;

/// <summary>
/// Deep queues, message by message, before and after, while a publisher goes on. With RABBITMQ_TEST_LONG: 500,000 messages on quorum and 1,000,000 on classic queues; and 2,100,000 on
/// quorum queues, more than the consumers of one channel can hold.
/// </summary>
public class DepthTests
{
    private const string Queue = "deep";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("3.10", "classic", 1_000_000)]
    [InlineData("3.10", "quorum", 500_000)]
    [InlineData("4.0", "classic", 1_000_000)]
    [InlineData("4.0", "quorum", 500_000)]
    [InlineData("4.3", "classic", 1_000_000)]
    [InlineData("4.3", "quorum", 500_000)]
    public Task Every_message_is_captured_and_lies_where_it_lay_while_a_publisher_goes_on(string generation, string type, int depth) =>
        ProveAsync(generation, type, LongRun.Count(20_000, depth));

    [Theory(Explicit = true)]
    [InlineData("3.10")]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public Task Deeper_than_the_consumers_of_one_channel_can_hold(string generation) => ProveAsync(generation, "quorum", 2_100_000);

    private static async Task ProveAsync(string generation, string type, int depth)
    {
        await using TestVirtualHost host = await Brokers.VirtualHostAsync(generation);
        using EngineHarness harness = EngineHarness.For(host);
        await using IndependentClient client = await IndependentClient.ConnectAsync(host.Broker, host.Name);
        await client.DeclareAsync(Queue, type);
        await client.PublishAsync(Queue, Numbered(0, depth));
        long last = depth;
        for (int run = 0; run < 2; run++)
        {
            using CancellationTokenSource stop = new();
            Task<int> publishing = PublishUntilAsync(client, (int)last, stop.Token);
            BackupManifest manifest = await harness.BackupAsync();
            await stop.CancelAsync();
            last += await publishing;

            QueueEntry entry = Assert.Single(manifest.Queues);
            Assert.Equal((QueueOutcome.Captured, BackupStatus.Complete), (entry.Outcome, manifest.Status));
            Assert.InRange(entry.Messages, depth, last);
            Assert.Empty(entry.Gaps);
            Assert.Empty(entry.Notes);
            Assert.Equal(entry.Messages, await AssertAscendingAsync(manifest));
        }

        await client.UntilCountAsync(Queue, last);

        Assert.Equal(last, await client.TakeAscendingAsync(Queue, last));
    }

    private static async Task<int> PublishUntilAsync(IndependentClient client, int first, CancellationToken stop)
    {
        int published = 0;
        while (!stop.IsCancellationRequested)
        {
            await client.PublishEachAsync(Queue, Enumerable.Range(first + published, 20).Select(number => number.ToString(CultureInfo.InvariantCulture)), Cancellation);
            published += 20;
        }

        return published;
    }

    private static async Task<long> AssertAscendingAsync(BackupManifest manifest)
    {
        long next = 0;
        foreach (BackupSegment segment in BackupContents.GetSegments(manifest))
        {
            await foreach (BackupMessage message in BackupContents.ReadMessagesAsync(segment, Cancellation))
            {
                if (message.Properties.MessageId != next.ToString(CultureInfo.InvariantCulture))
                {
                    Assert.Fail($"Message {next} of the backup is '{message.Properties.MessageId}'.");
                }

                next++;
            }
        }

        return next;
    }

    private static IEnumerable<(BasicProperties Properties, byte[] Body)> Numbered(int first, int count)
    {
        byte[] body = new byte[20];
        for (int number = first; number < first + count; number++)
        {
            yield return (new BasicProperties { MessageId = number.ToString(CultureInfo.InvariantCulture) }, body);
        }
    }
}
