using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Backup;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Messages.Chunks;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Tests.Broker.Streams;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd.Streams;

/// <summary>Where the stream port can't be reached, AMQP 0-9-1 has to do.</summary>
public sealed class StreamFallbackTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task A_stream_is_read_and_restored_over_AMQP_and_the_manifest_says_what_is_lost(string generation)
    {
        await using StreamBed bed = await StreamBed.StartAsync(generation);
        await bed.CreateAsync("log");
        await using IConnection amqp = await new ConnectionFactory { Uri = bed.Broker.AmqpUri(bed.VirtualHost) }.CreateConnectionAsync(Stop);
        await using IChannel channel = await amqp.CreateChannelAsync(new CreateChannelOptions(true, false), Stop);
        for (int i = 0; i < 5_000; i++)
        {
            await channel.BasicPublishAsync("", "log", false, new BasicProperties { MessageId = $"m{i}" }, Encoding.ASCII.GetBytes($"body {i}"), Stop);
        }

        while ((await bed.MessagesAsync("log")).Count < 5_000)
        {
            await Task.Delay(50, Stop);
        }

        DnsEndPoint closed = new(bed.Broker.Host, 1);
        BackupManifest manifest = await bed.Harness.BackupAsync(options => options with { Broker = options.Broker with { StreamEndpoint = closed } });
        BackupManifest next = await bed.Harness.BackupAsync(options => options with { Incremental = true });
        await bed.DeleteAsync("log");
        RestoreResult result = await bed.Harness.RestoreAsync(manifest);

        Assert.Empty(bed.Harness.Failures);
        QueueEntry entry = Assert.Single(manifest.Queues);
        Assert.Equal((QueueOutcome.Captured, 5_000L, "consume"), (entry.Outcome, entry.Messages, entry.ReadBy));
        Assert.Contains(entry.Stream!.Lost, loss => loss.Contains("out of reach", StringComparison.Ordinal));
        Assert.Empty((await bed.Harness.VerifyAsync(manifest)).Findings);
        Assert.Null(next.BasedOn);
        Assert.Equal(5_000, next.TotalMessages);
        Assert.Equal(5_000, result.Confirmed);
        List<BackupMessage> messages = [];
        foreach (BackupSegment segment in BackupContents.GetSegments(manifest))
        {
            await foreach (BackupMessage message in BackupContents.ReadMessagesAsync(segment, Stop))
            {
                messages.Add(message);
            }
        }

        Assert.Equal(Enumerable.Range(0, 5_000).Select(i => ($"body {i}", $"m{i}", (long?)i)), messages.Select(m => (m.Text!, m.Properties.MessageId!, m.Offset)));
        Assert.Equal(5_000, (await bed.MessagesAsync("log")).Count);
    }

    [Theory]
    [InlineData("3.10", "between")]
    [InlineData("4.0", "between")]
    [InlineData("4.3", "between")]
    [InlineData("4.3", "first")]
    [InlineData("4.3", "alone")]
    public async Task Compressed_batches_which_no_broker_delivers_over_AMQP_are_a_gap(string generation, string place)
    {
        await using StreamBed bed = await StreamBed.StartAsync(generation);
        await bed.CreateAsync("log");
        byte[] batch = TestEntries.Batch(BatchCodec.Gzip, [.. Enumerable.Range(10, 20).Select(number => StreamBed.Number(number)[4..])]);
        byte[][] before = place == "between" ? [.. Enumerable.Range(0, 10).Select(number => StreamBed.Number(number))] : [], after = place == "alone" ? [] : [StreamBed.Number(30)];
        await bed.PublishAsync("log", [.. before, batch, .. after]);

        // Behind the last message only the broker's own count tells.
        while (place == "alone" && (await bed.Broker.Management.GetFromJsonAsync<JsonElement>($"queues/{bed.VirtualHost}/log", Stop)) is var queue && !(queue.TryGetProperty("messages", out JsonElement messages) && messages.GetInt64() == 20))
        {
            await Task.Delay(200, Stop);
        }

        BackupManifest manifest = await bed.Harness.BackupAsync(options => options with { Broker = options.Broker with { StreamEndpoint = new DnsEndPoint(bed.Broker.Host, 1) } });

        QueueEntry entry = Assert.Single(manifest.Queues);
        GapEntry gap = Assert.Single(entry.Gaps);

        // The oldest breaks the connection off at the first of them.
        (QueueOutcome, long, string, long?) told = generation == "3.10" ? (QueueOutcome.Failed, 0, nameof(ErrorCode.BrokerConnectionLost), null) : (QueueOutcome.Incomplete, before.Length + after.Length, "NotDelivered", 20);
        Assert.Equal((BackupStatus.Partial, told), (manifest.Status, (entry.Outcome, entry.Messages, gap.Code, gap.Messages)));
    }

    [Fact]
    public async Task An_empty_stream_is_captured_over_AMQP_too()
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        await bed.CreateAsync("empty");

        BackupManifest manifest = await bed.Harness.BackupAsync(options => options with { Broker = options.Broker with { StreamEndpoint = new DnsEndPoint(bed.Broker.Host, 1) } });

        Assert.Empty(bed.Harness.Failures);
        Assert.Equal((BackupStatus.Complete, 0L), (manifest.Status, manifest.TotalMessages));
    }
}
