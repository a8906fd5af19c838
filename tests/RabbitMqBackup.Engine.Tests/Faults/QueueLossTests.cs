using System.Net;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>A connection breaks, and when the queue is read again there is less in it than was read before: a broker that is not whole yet, or an application. What was captured stays, and the backup is not complete.</summary>
public sealed class QueueLossTests
{
    private const int Count = 3_000;
    private const string Queue = "q";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("classic", 0)]
    [InlineData("classic", 50)]
    [InlineData("quorum", 0)]
    public async Task What_was_read_before_the_connection_broke_is_kept_where_the_queue_gives_less_afterwards(string type, int left)
    {
        await using TestVirtualHost virtualHost = await Brokers.VirtualHostAsync("4.3");
        using EngineHarness harness = EngineHarness.For(virtualHost);
        await using IndependentClient client = await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name);
        await client.DeclareAsync(Queue, type);
        await client.PublishAsync(Queue, Numbered(0, Count));
        // 0 is the check of the plan, 1 the first read.
        await using ToxicProxy proxy = new(virtualHost.Broker.Host, virtualHost.Broker.AmqpPort, number => number == 1 ? new Toxic { After = 1_500_000, Cut = true } : null);
        Task losing = Task.CompletedTask;
        harness.OnFirstSegment = () => losing = Task.Run(async () =>
        {
            while (await client.CountAsync(Queue) < Count)
            {
                await Task.Delay(10, Cancel);
            }

            await client.PurgeAsync(Queue);
            await client.PublishAsync(Queue, Numbered(Count, left));
        });

        BackupManifest manifest = await harness.BackupAsync(options => options with
        {
            Broker = options.Broker with { Endpoints = [new DnsEndPoint("127.0.0.1", proxy.Port)] },
            SegmentBytes = 64 << 10,
            Retry = new RetryOptions { MaxAttempts = 6, FirstDelay = TimeSpan.FromSeconds(8), MaxDelay = TimeSpan.FromSeconds(8) },
        });
        await losing;

        QueueEntry entry = Assert.Single(manifest.Queues);
        Assert.Equal((BackupStatus.Partial, QueueOutcome.Incomplete, nameof(ErrorCode.BrokerConnectionLost)), (manifest.Status, entry.Outcome, entry.ErrorCode));
        // A reset drops what was on its way: how much came before is up to the machine, one segment at least.
        Assert.InRange(entry.Messages, 51, Count - 1);
        Assert.Equal((Count, Count), (entry.DepthAtStart, entry.Messages + Assert.Single(entry.Gaps).Messages));
        Assert.Contains($"it gave {left}:", entry.Reason, StringComparison.Ordinal);
        int number = 0;
        foreach (BackupSegment segment in BackupContents.GetSegments(manifest))
        {
            await foreach (BackupMessage message in BackupContents.ReadMessagesAsync(segment, Cancel))
            {
                Assert.Equal($"{number++}", message.Properties.MessageId);
            }
        }

        Assert.Equal(entry.Messages, number);
        Assert.DoesNotContain((await harness.VerifyAsync(manifest)).Findings, finding => finding.IsError);
    }

    private static IEnumerable<(BasicProperties Properties, byte[] Body)> Numbered(int first, int count) => Enumerable.Range(first, count).Select(number =>
    {
        byte[] body = new byte[1000];
        new Random(number).NextBytes(body);
        return (new BasicProperties { MessageId = $"{number}", Persistent = true }, body);
    });
}
