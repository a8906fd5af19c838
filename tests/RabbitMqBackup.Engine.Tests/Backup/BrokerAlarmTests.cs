using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.Engine.Tests.EndToEnd.Streams;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>A broker that runs short of memory or disk is left alone; each test has a broker of its own, since an alarm stops all publishers.</summary>
public class BrokerAlarmTests
{
    private const string Queue = "orders";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("3.10", "quorum", "set_vm_memory_high_watermark", "0.00001", "0.4")]
    [InlineData("4.0", "classic", "set_disk_free_limit", "100000000000000", "50000000")]
    [InlineData("4.3", "quorum", "set_vm_memory_high_watermark", "0.00001", "0.4")]
    public async Task An_alarm_ends_reads_that_are_under_way_and_begins_none_unless_forced(string generation, string type, string setting, string alarmed, string normal)
    {
        await using OwnTestBroker broker = await Brokers.OwnAsync(generation);
        await using TestVirtualHost host = await TestVirtualHost.CreateAsync(broker);
        using EngineHarness harness = EngineHarness.For(host);
        await using IndependentClient client = await IndependentClient.ConnectAsync(broker, host.Name);
        await client.DeclareAsync(Queue, type);
        await client.PublishAsync(Queue, Enumerable.Range(0, 3000).Select(number => (new BasicProperties { MessageId = $"{number}" }, new byte[10])));

        Task<BackupManifest> backup = harness.BackupAsync(options => options with { MaxMessagesPerSecond = 50 });
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); await client.CountAsync(Queue) == 3000; await Task.Delay(50, Cancellation))
        {
            Assert.True(DateTime.UtcNow < deadline && !backup.IsCompleted, "The backup does not read.");
        }

        await broker.CtlAsync("rabbitmqctl", setting, alarmed);
        QueueEntry cut = Assert.Single((await backup).Queues);
        Assert.Equal((QueueOutcome.Incomplete, nameof(ErrorCode.BrokerInAlarm)), (cut.Outcome, cut.ErrorCode));
        GapEntry gap = Assert.Single(cut.Gaps);
        Assert.Equal(("BrokerInAlarm", 3000), (gap.Code, cut.Messages + gap.Messages));
        Assert.Contains("alarm", gap.Reason, StringComparison.Ordinal);

        QueueEntry skipped = Assert.Single((await harness.BackupAsync()).Queues);
        Assert.Equal((QueueOutcome.Skipped, nameof(ErrorCode.BrokerInAlarm)), (skipped.Outcome, skipped.ErrorCode));
        Assert.Equal(3000, (await harness.BackupAsync(options => options with { Force = true })).TotalMessages);
        await broker.CtlAsync("rabbitmqctl", setting, normal);
        Assert.Equal(Enumerable.Range(0, 3000).Select(number => $"{number}").Order(StringComparer.Ordinal), (await client.TakeIdsAsync(Queue)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task An_alarm_ends_the_read_of_a_stream_where_it_is_and_the_rest_is_a_gap()
    {
        await using OwnTestBroker broker = await Brokers.OwnAsync("4.3");
        await using StreamBed bed = await StreamBed.OnAsync(broker);
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 0, 300_000, bytes: 100);
        int told = 0;
        bed.Harness.OnAdvance = messages =>
        {
            if (messages > 0 && Interlocked.Exchange(ref told, 1) == 0)
            {
                broker.CtlAsync("rabbitmqctl", "set_disk_free_limit", "100000000000000").GetAwaiter().GetResult();
            }
        };
        QueueEntry cut = Assert.Single((await bed.Harness.BackupAsync(options => options with { MaxMessagesPerSecond = 10_000 })).Queues);

        Assert.Equal((QueueOutcome.Incomplete, nameof(ErrorCode.BrokerInAlarm)), (cut.Outcome, cut.ErrorCode));
        GapEntry gap = Assert.Single(cut.Gaps);
        Assert.Equal(("BrokerInAlarm", cut.Messages), (gap.Code, gap.FirstOffset));
        // Of the last chunk only the first offset is known before it is read.
        Assert.InRange(gap.LastOffset!.Value, cut.Messages, 299_999);
        Assert.Contains("alarm", gap.Reason, StringComparison.Ordinal);
        QueueEntry skipped = Assert.Single((await bed.Harness.BackupAsync()).Queues);
        Assert.Equal((QueueOutcome.Skipped, nameof(ErrorCode.BrokerInAlarm)), (skipped.Outcome, skipped.ErrorCode));
        Assert.Equal(300_000, (await bed.Harness.BackupAsync(options => options with { Force = true })).TotalMessages);
    }
}
