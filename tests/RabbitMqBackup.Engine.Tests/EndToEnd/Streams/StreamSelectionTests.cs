using System.Buffers.Binary;
using System.Net;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd.Streams;

/// <summary>Parts of a stream, and streams that become something else.</summary>
public sealed class StreamSelectionTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.3")]
    public async Task A_point_in_time_is_exact_to_the_chunk(string generation)
    {
        await using StreamBed bed = await StreamBed.StartAsync(generation);
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 0, 100);
        await Task.Delay(50, Stop);
        DateTimeOffset begin = DateTimeOffset.UtcNow;
        await Task.Delay(50, Stop);
        await bed.PublishNumbersAsync("log", 100, 100);
        await Task.Delay(50, Stop);
        DateTimeOffset end = DateTimeOffset.UtcNow;
        await Task.Delay(50, Stop);
        await bed.PublishNumbersAsync("log", 200, 100);
        BackupManifest manifest = await bed.Harness.BackupAsync();
        await bed.DeleteAsync("log");

        RestoreResult result = await bed.Harness.RestoreAsync(manifest, options => options with { After = begin, Before = end });
        RestoreResult again = await bed.Harness.RestoreAsync(manifest, options => options with { After = begin, Before = end });

        Assert.Empty(bed.Harness.Failures);
        Assert.Equal(Enumerable.Range(100, 100), await bed.NumbersAsync("log"));
        Assert.Equal((100L, 100L), (result.Confirmed, again.Queues[0].AlreadyThere));
    }

    [Fact]
    public async Task A_range_of_offsets_and_the_first_or_last_messages_cut_through_chunks_and_batches()
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        await bed.CreateAsync("log");
        await bed.PublishAsync("log", StreamBed.Mixed(1_000, 20));
        List<int> all = await bed.NumbersAsync("log");
        BackupManifest manifest = await bed.Harness.BackupAsync(options => options with { SegmentBytes = 64 << 10 });

        Assert.Equal(all.Skip(250).Take(101), await RestoredAsync(options => options with { FromOffset = 250, ToOffset = 350 }));
        Assert.Equal(all.Take(230), await RestoredAsync(options => options with { First = 230 }));
        Assert.Equal(all.TakeLast(77), await RestoredAsync(options => options with { Last = 77 }));

        async Task<List<int>> RestoredAsync(Func<RestoreOptions, RestoreOptions> select)
        {
            await bed.DeleteAsync("log");
            RestoreResult result = await bed.Harness.RestoreAsync(manifest, select);
            Assert.Empty(bed.Harness.Failures);
            List<int> numbers = await bed.NumbersAsync("log");
            Assert.Equal((numbers.Count, numbers.Count), (result.Confirmed, result.Queues[0].Requested));
            return numbers;
        }
    }

    [Theory]
    [InlineData("quorum")]
    [InlineData("classic")]
    public async Task A_stream_and_its_chain_become_a_queue_message_by_message(string type)
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        await bed.CreateAsync("log");
        await bed.PublishAsync("log", StreamBed.Mixed(500, 20));
        await bed.Harness.BackupAsync(options => options with { Incremental = true });
        await bed.PublishNumbersAsync("log", 10_000, 50);
        List<int> all = await bed.NumbersAsync("log");
        BackupManifest manifest = await bed.Harness.BackupAsync(options => options with { Incremental = true });
        await bed.DeleteAsync("log");

        RestoreResult result = await bed.Harness.RestoreAsync(manifest, options => options with { Queues = ["log"], QueueType = type });

        Assert.Empty(bed.Harness.Failures);
        Assert.Equal((true, all.Count), (result.IsComplete, result.Confirmed));
        BackupManifest after = await bed.Harness.BackupAsync();
        Assert.Equal(type, after.Queues[0].Type);
        List<int> numbers = [];
        foreach (BackupSegment segment in BackupContents.GetSegments(after))
        {
            await foreach (BackupMessage message in BackupContents.ReadMessagesAsync(segment, Stop))
            {
                numbers.Add(BinaryPrimitives.ReadInt32LittleEndian(message.Body));
            }
        }

        Assert.Equal(all, numbers);
    }

    [Fact]
    public async Task A_stream_goes_back_over_AMQP_where_the_stream_port_is_closed()
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        await bed.CreateAsync("log");
        await bed.PublishAsync("log", StreamBed.Mixed(500, 20));
        List<int> all = await bed.NumbersAsync("log");
        BackupManifest manifest = await bed.Harness.BackupAsync();
        await bed.DeleteAsync("log");

        RestoreResult result = await bed.Harness.RestoreAsync(manifest, options => options with { Broker = options.Broker with { StreamEndpoint = new DnsEndPoint(bed.Broker.Host, 1) } });

        Assert.Empty(bed.Harness.Failures);
        Assert.Equal((true, all.Count), (result.IsComplete, result.Confirmed));
        Assert.Contains("could not be reached", result.Queues[0].Reason, StringComparison.Ordinal);
        Assert.Equal(all.Count, (await bed.MessagesAsync("log")).Count);
        Assert.Equal(QueueTypes.Stream, (await bed.Harness.BackupAsync()).Queues[0].Type);
    }
}
