using System.Buffers.Binary;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Backup;
using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Messages.Chunks;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Tests.Broker.Streams;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd.Streams;

/// <summary>A stream that was backed up and restored has the same raw entries in the same order, whoever wrote them.</summary>
public sealed class StreamRoundTripTests
{
    /// <summary>RABBITMQ_TEST_LONG=1: 5,000,000 messages of 100 bytes and 200,000 of 10 kB.</summary>
    private static bool Long => Environment.GetEnvironmentVariable("RABBITMQ_TEST_LONG") == "1";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("3.10", SegmentCompression.Zstd, RecordFormat.Binary)]
    [InlineData("4.0", SegmentCompression.Lz4, RecordFormat.Binary)]
    [InlineData("4.3", SegmentCompression.None, RecordFormat.Binary)]
    [InlineData("4.3", SegmentCompression.Zstd, RecordFormat.Json)]
    public async Task Messages_and_batches_of_every_compression_come_back_byte_for_byte(string generation, SegmentCompression compression, RecordFormat format)
    {
        await using StreamBed bed = await StreamBed.StartAsync(generation);
        await bed.CreateAsync("log", ("max-length-bytes", "50000000000"), ("stream-max-segment-size-bytes", "100000000"));
        await bed.PublishAsync("log", StreamBed.Mixed(Long ? 5_000_000 : 20_000, 100));
        await bed.PublishAsync("log", StreamBed.Mixed(Long ? 200_000 : 1_000, 10_000));
        (string Sha256, long Messages) before = await bed.FingerprintAsync("log");

        BackupManifest manifest = await bed.Harness.BackupAsync(options => options with { Compression = compression, RecordFormat = format, SegmentBytes = Long ? options.SegmentBytes : 2 << 20 });
        Assert.Equal(before, await bed.FingerprintAsync("log"));
        await bed.DeleteAsync("log");
        RestoreResult result = await bed.Harness.RestoreAsync(manifest);

        Assert.Empty(bed.Harness.Failures);
        Assert.Equal(BackupStatus.Complete, manifest.Status);
        Assert.Equal(before.Messages, manifest.TotalMessages);
        Assert.Empty((await bed.Harness.VerifyAsync(manifest)).Findings);
        Assert.Equal((before.Messages, true), (result.Confirmed, result.IsComplete));
        Assert.Equal(before, await bed.FingerprintAsync("log"));
        QueueEntry entry = Assert.Single(manifest.Queues);
        Assert.Equal("stream", entry.ReadBy);
        Assert.Equal(50000000000L, entry.Arguments["x-max-length-bytes"]);
        Assert.True(entry.Segments.Count > 1);
        Assert.Equal((0L, entry.Segments[^1].LastOffset), (entry.Segments[0].FirstOffset, entry.Stream!.LastOffset));
    }

    [Theory]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task Sections_of_every_kind_written_by_an_AMQP_1_0_client_come_back_byte_for_byte(string generation)
    {
        await using StreamBed bed = await StreamBed.StartAsync(generation);
        await bed.CreateAsync("log");
        await RawEqualityTests.WriteEveryKindAsync(bed.Amqp10Address, bed.VirtualHost, "log", rounds: 40);
        (string, long Messages) before = await bed.FingerprintAsync("log");

        BackupManifest manifest = await bed.Harness.BackupAsync();
        await bed.DeleteAsync("log");
        await bed.Harness.RestoreAsync(manifest);

        Assert.Empty(bed.Harness.Failures);
        Assert.Equal(200, before.Messages);
        Assert.Equal(before, await bed.FingerprintAsync("log"));
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.3")]
    public async Task A_restore_that_runs_again_adds_what_is_missing_and_nothing_else(string generation)
    {
        await using StreamBed bed = await StreamBed.StartAsync(generation);
        await bed.CreateAsync("log");
        await bed.PublishAsync("log", StreamBed.Mixed(30_000, 100));
        (string, long Messages) before = await bed.FingerprintAsync("log");
        BackupManifest manifest = await bed.Harness.BackupAsync(options => options with { SegmentBytes = 256 << 10 });
        await bed.DeleteAsync("log");

        using CancellationTokenSource cut = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        bed.Harness.OnRestoreProgress = progress =>
        {
            if (progress.Messages > 5_000)
            {
                cut.Cancel();
            }
        };
        // Slow enough that the rest is not on its way already.
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => bed.Harness.RestoreAsync(manifest, options => options with { MaxMessagesPerSecond = 20_000 }, cut.Token));
        bed.Harness.OnRestoreProgress = null;
        RestoreResult second = await bed.Harness.RestoreAsync(manifest);
        RestoreResult third = await bed.Harness.RestoreAsync(manifest);

        Assert.Empty(bed.Harness.Failures);
        Assert.Equal(before, await bed.FingerprintAsync("log"));
        RestoreQueueResult row = Assert.Single(second.Queues);
        Assert.Equal(before.Messages, row.Confirmed);
        Assert.InRange(row.AlreadyThere, 1, before.Messages - 1);
        Assert.Equal((before.Messages, before.Messages), (third.Confirmed, third.Queues[0].AlreadyThere));
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task Offsets_that_consumers_stored_are_no_gap_and_are_in_the_manifest(string generation)
    {
        await using StreamBed bed = await StreamBed.StartAsync(generation);
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 0, 100);
        await bed.StoreOffsetAsync("log", "billing", 41);
        await bed.PublishNumbersAsync("log", 100, 100);
        await bed.StoreOffsetAsync("log", "audit", 150);

        BackupManifest manifest = await bed.Harness.BackupAsync();

        QueueEntry entry = Assert.Single(manifest.Queues);
        Assert.Equal((QueueOutcome.Captured, 200L), (entry.Outcome, entry.Messages));
        Assert.Empty(entry.Gaps);
        Assert.Equal(41, entry.Stream!.ConsumerOffsets["billing"]);
        Assert.True(entry.Stream.NextOffset > entry.Stream.LastOffset);
    }

    [Fact]
    public async Task An_empty_stream_is_captured_at_once_and_restored_with_its_arguments()
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        await bed.CreateAsync("empty", ("max-age", "7D"));

        BackupManifest manifest = await bed.Harness.BackupAsync();
        await bed.DeleteAsync("empty");
        RestoreResult result = await bed.Harness.RestoreAsync(manifest);

        Assert.Empty(bed.Harness.Failures);
        Assert.Equal((BackupStatus.Complete, 0L), (manifest.Status, manifest.TotalMessages));
        Assert.True(result.Queues[0].Declared);
        BackupManifest again = await bed.Harness.BackupAsync();
        Assert.Equal("7D", again.Queues[0].Arguments["x-max-age"]);
    }

    [Fact]
    public async Task Messages_of_a_stream_can_be_looked_at_with_offset_and_body()
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        await bed.CreateAsync("log");
        await bed.PublishAsync("log", StreamBed.Mixed(1_000, 20));

        BackupManifest manifest = await bed.Harness.BackupAsync();

        List<BackupMessage> messages = [];
        foreach (BackupSegment segment in BackupContents.GetSegments(manifest))
        {
            await foreach (BackupMessage message in BackupContents.ReadMessagesAsync(segment, Stop))
            {
                messages.Add(message);
            }
        }

        Assert.Equal(Enumerable.Range(0, messages.Count).Select(i => (long?)i), messages.Select(message => message.Offset));
        Assert.Equal(Enumerable.Range(0, messages.Count), messages.Select(message => BinaryPrimitives.ReadInt32LittleEndian(message.Body)));
    }

    [Fact]
    public async Task Segments_end_between_chunks_and_a_large_chunk_is_written_in_parts()
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 0, 3_000, bytes: 10_000);
        (string, long) before = await bed.FingerprintAsync("log");

        BackupManifest manifest = await bed.Harness.BackupAsync(options => options with { SegmentBytes = 4 << 20 });
        await bed.DeleteAsync("log");
        await bed.Harness.RestoreAsync(manifest);

        Assert.Empty(bed.Harness.Failures);
        Assert.Equal(before, await bed.FingerprintAsync("log"));
        Assert.All(manifest.Queues[0].Segments.Zip(manifest.Queues[0].Segments.Skip(1)), pair => Assert.Equal(pair.First.LastOffset + 1, pair.Second.FirstOffset));
    }

    [Fact]
    public async Task A_message_above_the_frame_size_goes_through_AMQP_to_its_place()
    {
        await using StreamBed bed = await StreamBed.StartAsync("4.3");
        await bed.CreateAsync("log");
        byte[] body = new byte[3_000_000];
        new Random(3).NextBytes(body);
        await bed.PublishNumbersAsync("log", 0, 100);
        await using (IConnection amqp = await new ConnectionFactory { Uri = bed.Broker.AmqpUri(bed.VirtualHost) }.CreateConnectionAsync(Stop))
        {
            await using IChannel channel = await amqp.CreateChannelAsync(new CreateChannelOptions(true, true), Stop);
            await channel.BasicPublishAsync("", "log", false, new BasicProperties { MessageId = "large" }, body, Stop);
        }

        await bed.PublishNumbersAsync("log", 100, 100);
        List<(ulong Offset, byte[] Message)> before = await bed.MessagesAsync("log");
        BackupManifest manifest = await bed.Harness.BackupAsync();
        await bed.DeleteAsync("log");
        RestoreResult first = await bed.Harness.RestoreAsync(manifest);
        RestoreResult second = await bed.Harness.RestoreAsync(manifest);

        Assert.Empty(bed.Harness.Failures);
        List<(ulong Offset, byte[] Message)> after = await bed.MessagesAsync("log");
        Assert.Equal((201L, 201L, 201), (first.Confirmed, second.Confirmed, after.Count));
        Assert.Contains("1 message(s) above", first.Queues[0].Reason, StringComparison.Ordinal);
        Assert.Equal(before.Where((_, i) => i != 100).Select(m => m.Message), after.Where((_, i) => i != 100).Select(m => m.Message));
        Assert.Equal(body, after[100].Message[^body.Length..]);
    }

    [Fact]
    public async Task Several_messages_above_the_frame_size_in_a_row_are_there_once_after_a_restore_that_was_cut_among_them()
    {
        await using StreamBed bed = await StreamBed.StartAsync("4.3");
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 0, 10);
        await using IndependentClient client = await IndependentClient.ConnectAsync(bed.Broker, bed.VirtualHost);
        await client.PublishEachAsync("log", ["large-1", "large-2", "large-3"], Stop, bytes: 2_000_000);
        await bed.PublishNumbersAsync("log", 10, 10);
        BackupManifest manifest = await bed.Harness.BackupAsync();
        await bed.DeleteAsync("log");

        // What a restore leaves that was killed behind the second of the large ones: messages under their ids, and those without.
        await bed.CreateAsync("log");
        await using (StreamConnection connection = await bed.ConnectAsync())
        {
            RestorePlan plan = await new RestoreEngine().PlanAsync(new RestoreOptions { Broker = bed.Harness.Broker, Manifest = manifest }, Stop);
            await using StreamPublisher publisher = await StreamPublisher.DeclareAsync(connection, "log", StreamPublisherName.Of(plan.Queues[0].Source), null, Stop);
            for (ulong id = 1; id <= 10; id++)
            {
                await ChunkReaderTests.AddAsync(publisher, id, StreamBed.Number((int)id - 1));
            }

            await publisher.CompleteAsync(Stop);
        }

        await client.PublishEachAsync("log", ["large-1", "large-2"], Stop, bytes: 2_000_000);
        RestoreResult result = await bed.Harness.RestoreAsync(manifest);

        Assert.Equal((true, 23L, 12L), (result.IsComplete, result.Confirmed, result.AlreadyThere));
        List<(ulong Offset, byte[] Message)> after = await bed.MessagesAsync("log");
        Assert.Equal(23, after.Count);
        Assert.Equal([10, 11, 12], Enumerable.Range(0, 23).Where(i => after[i].Message.Length > 1_000_000));
    }
}
