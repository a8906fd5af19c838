using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Messages.Chunks;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Tests.Broker.Streams;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd.Streams;

/// <summary>What publishers and applications seldom do to a stream.</summary>
public sealed class StreamOddityTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_batch_above_the_frame_size_is_there_whole_after_a_restore_that_was_cut_in_it()
    {
        await using StreamBed bed = await StreamBed.StartAsync("4.0");
        await bed.CreateAsync("log");
        byte[][] members = [.. Enumerable.Range(5, 20).Select(number => StreamBed.Number(number, 100_000)[4..])];
        await bed.PublishNumbersAsync("log", 0, 5);
        await using (StreamConnection connection = await bed.ConnectAsync())
        {
            // This broker takes frames of any size.
            await connection.DeclarePublisherAsync(1, "", "log", Stop);
            PublishFrame frame = new(1, "log", 1, 8 << 20);
            Assert.True(frame.TryAdd(1, TestEntries.Batch(BatchCodec.None, members)));
            await connection.SendAsync(frame.Finish(), Stop);
            while ((await bed.NumbersAsync("log")).Count < 25)
            {
                await Task.Delay(20, Stop);
            }
        }

        await bed.PublishNumbersAsync("log", 25, 5);
        BackupManifest manifest = await bed.Harness.BackupAsync();
        await bed.DeleteAsync("log");

        // What a restore leaves that was killed behind the third message of the batch.
        await bed.CreateAsync("log");
        await using (StreamConnection connection = await bed.ConnectAsync())
        {
            RestorePlan plan = await new RestoreEngine().PlanAsync(new RestoreOptions { Broker = bed.Harness.Broker, Manifest = manifest }, Stop);
            await using StreamPublisher publisher = await StreamPublisher.DeclareAsync(connection, "log", StreamPublisherName.Of(plan.Queues[0].Source), null, Stop);
            for (ulong id = 1; id <= 8; id++)
            {
                await ChunkReaderTests.AddAsync(publisher, id, StreamBed.Number((int)id - 1, id > 5 ? 100_000 : 4));
            }

            await publisher.CompleteAsync(Stop);
        }

        RestoreResult result = await bed.Harness.RestoreAsync(manifest);

        Assert.Equal((true, 30L, 8L), (result.IsComplete, result.Confirmed, result.AlreadyThere));
        Assert.Equal(Enumerable.Range(0, 30), await bed.NumbersAsync("log"));
    }

    [Fact]
    public async Task A_message_above_the_frame_size_behind_one_hardly_below_it_is_not_restored_a_second_time()
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 0, 3);
        await bed.PublishNumbersAsync("log", 3, 1, (1 << 20) - 2_000);
        await using (IndependentClient client = await IndependentClient.ConnectAsync(bed.Broker, bed.VirtualHost))
        {
            await client.PublishAsync("log", [(new BasicProperties { MessageId = "large" }, new byte[3 << 19])]);
        }

        BackupManifest manifest = await bed.Harness.BackupAsync();
        await bed.DeleteAsync("log");
        await bed.Harness.RestoreAsync(manifest);

        RestoreResult again = await bed.Harness.RestoreAsync(manifest);

        Assert.Equal((true, 5L, 5L), (again.IsComplete, again.Confirmed, again.AlreadyThere));
        Assert.Equal(5, (await bed.MessagesAsync("log")).Count);
    }

    [Fact]
    public async Task A_batch_that_the_target_refuses_ends_the_restore_each_time_and_is_left_out_only_when_forced()
    {
        await using StreamBed old = await StreamBed.StartAsync("4.0");
        await using StreamBed bed = await StreamBed.StartAsync("4.3");
        await old.CreateAsync("log");
        await old.PublishAsync("log", [StreamBed.Number(0), StreamBed.Number(1), TestEntries.RawBatch(7, 3, 9, new byte[9]), StreamBed.Number(5)]);
        BackupManifest manifest = await old.Harness.BackupAsync();
        Assert.Equal((BackupStatus.Complete, 6L), (manifest.Status, manifest.TotalMessages));

        foreach ((bool force, long there, int stored) in new[] { (false, 0L, 2), (false, 2L, 2), (true, 2L, 3), (true, 3L, 3) })
        {
            RestoreResult result = await old.Harness.RestoreAsync(manifest, options => options with
            {
                Broker = bed.Harness.Broker,
                VirtualHostMap = NameMap.Create([KeyValuePair.Create(old.VirtualHost, bed.VirtualHost)], "VirtualHostMap"),
                Force = force,
            });

            RestoreQueueResult row = Assert.Single(result.Queues);
            Assert.Equal((false, nameof(ErrorCode.PublishRejected), (long)stored, there, force ? 3L : 0L), (result.IsComplete, row.ErrorCode, row.Confirmed, row.AlreadyThere, row.Rejected));
            Assert.Contains("the batch at offset 2 is malformed", row.Reason, StringComparison.Ordinal);
            Assert.Equal(new[] { 0, 1, 5 }.Take(stored), await bed.NumbersAsync("log"));
        }
    }

    [Theory]
    [InlineData(5)]
    [InlineData(20_010)]
    public async Task A_stream_that_is_deleted_and_made_anew_while_it_is_read_is_told_as_a_part_of_the_old_one(int newMessages)
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        await bed.CreateAsync("log", ("stream-max-segment-size-bytes", "1000000"));
        await bed.PublishNumbersAsync("log", 0, 20_000, 2_000);
        bed.Harness.OnFirstSegment = () => Task.Run(AnewAsync).GetAwaiter().GetResult();

        // The first segment holds the reader up. What is on its way meanwhile, and the file that the broker has open, are less than 40 MB.
        BackupManifest manifest = await bed.Harness.BackupAsync(options => options with { Incremental = true, SegmentBytes = 64 << 10, Compression = SegmentCompression.None });
        BackupManifest next = await bed.Harness.BackupAsync(options => options with { Incremental = true });

        QueueEntry entry = Assert.Single(manifest.Queues);
        Assert.Equal((BackupStatus.Partial, QueueOutcome.Incomplete, nameof(ErrorCode.QueueNotFound)), (manifest.Status, entry.Outcome, entry.ErrorCode));
        Assert.Contains("another of its name was made", entry.Reason, StringComparison.Ordinal);
        Assert.InRange(manifest.TotalMessages, 1, 19_999);
        Assert.Equal((null, (long)newMessages), (next.Queues[0].Stream!.StartOffset, next.TotalMessages));
        await bed.DeleteAsync("log");
        await bed.Harness.RestoreAsync(manifest);
        Assert.Equal(Enumerable.Range(0, (int)manifest.TotalMessages), await bed.NumbersAsync("log"));

        async Task AnewAsync()
        {
            await bed.DeleteAsync("log");
            await bed.CreateAsync("log");
            await bed.PublishNumbersAsync("log", 100_000, newMessages, 100);
        }
    }

    [Fact]
    public async Task A_stream_made_anew_after_a_backup_that_found_no_message_in_it_is_read_from_its_beginning()
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        await bed.CreateAsync("log");
        await bed.StoreOffsetAsync("log", "reader", 1);
        await bed.StoreOffsetAsync("log", "reader", 2);
        BackupManifest first = await bed.Harness.BackupAsync(options => options with { Incremental = true });
        await bed.DeleteAsync("log");
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 0, 10);

        BackupManifest second = await bed.Harness.BackupAsync(options => options with { Incremental = true });

        Assert.Equal((2L, null, 10L), (first.Queues[0].Stream!.NextOffset, second.Queues[0].Stream!.StartOffset, second.TotalMessages));
    }
}
