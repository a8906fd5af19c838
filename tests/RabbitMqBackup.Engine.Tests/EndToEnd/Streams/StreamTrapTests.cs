using Amqp;
using Amqp.Framing;
using RabbitMqBackup.Engine.Backup;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Restore;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd.Streams;

/// <summary>Restores that could take a message for there which is not, and incremental backups after such.</summary>
public sealed class StreamTrapTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task All_messages_come_into_a_stream_that_the_last_ones_were_restored_into_before()
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        BackupManifest manifest = await BackedUpAsync(bed, 500);
        await bed.DeleteAsync("log");
        await bed.Harness.RestoreAsync(manifest, options => options with { Last = 10 });

        RestoreResult whole = await bed.Harness.RestoreAsync(manifest, options => options with { IfNotEmpty = NonEmptyTarget.Append });

        Assert.Equal((true, 500L, 0L), (whole.IsComplete, whole.Confirmed, whole.AlreadyThere));
        Assert.Equal([.. Enumerable.Range(490, 10), .. Enumerable.Range(0, 500)], await bed.NumbersAsync("log"));
    }

    [Fact]
    public async Task A_backup_that_has_the_id_of_one_removed_is_not_taken_for_it()
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        await bed.CreateAsync("copy");
        BackupManifest first = await BackedUpAsync(bed, 300);
        await RestoreCopyAsync(first);
        Directory.Delete(Path.Combine(bed.Harness.Folder, first.BackupId), recursive: true);
        await bed.DeleteAsync("log");
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 1000, 200);
        BackupManifest second = await bed.Harness.BackupAsync(options => Only(options) with { BackupId = "nightly" });

        RestoreResult result = await RestoreCopyAsync(second);

        Assert.Equal((first.BackupId, true, 200L, 0L), (second.BackupId, result.IsComplete, result.Confirmed, result.AlreadyThere));
        Assert.Equal([.. Enumerable.Range(0, 300), .. Enumerable.Range(1000, 200)], await bed.NumbersAsync("copy"));

        Task<RestoreResult> RestoreCopyAsync(BackupManifest manifest) => bed.Harness.RestoreAsync(manifest, options => options with
        {
            QueueMap = NameMap.Create([KeyValuePair.Create("log", "copy")], "QueueMap"),
            IfNotEmpty = NonEmptyTarget.Append,
        });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_damaged_segment_that_a_range_cuts_into_is_told(bool first)
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        BackupManifest manifest = await BackedUpAsync(bed, 2_000);
        SegmentEntry victim = manifest.Queues[0].Segments[1];
        Damage(bed, manifest, victim);
        await bed.DeleteAsync("log");

        RestoreResult result = await bed.Harness.RestoreAsync(manifest, options => options with { FromOffset = victim.FirstOffset + 1, First = first ? 2_000 : null });

        Assert.False(result.IsComplete);
        Assert.Contains(bed.Harness.Failures, failure => failure.Code == ErrorCode.SegmentCorrupt);
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.3")]
    public async Task What_a_forced_restore_left_out_is_not_taken_for_there_when_the_backup_is_whole_again(string generation)
    {
        await using StreamBed bed = await StreamBed.StartAsync(generation);
        BackupManifest manifest = await BackedUpAsync(bed, 2_000);
        SegmentEntry victim = manifest.Queues[0].Segments[1];
        byte[] good = Damage(bed, manifest, victim);
        await bed.DeleteAsync("log");
        RestoreResult forced = await bed.Harness.RestoreAsync(manifest, options => options with { Force = true });
        Assert.Equal((false, 2_000 - victim.Records), (forced.IsComplete, forced.Confirmed));
        await File.WriteAllBytesAsync(FileOf(bed, manifest, victim), good, Stop);

        RestoreResult again = await bed.Harness.RestoreAsync(manifest);
        RestoreResult elsewhere = await bed.Harness.RestoreAsync(manifest, options => options with { QueueMap = NameMap.Create([KeyValuePair.Create("log", "other")], "QueueMap") });

        Assert.False(again.IsComplete);
        Assert.Contains("left some out", again.Queues[0].Reason, StringComparison.Ordinal);
        Assert.True(elsewhere.IsComplete);
        Assert.Equal(2_000 - (int)victim.Records, (await bed.NumbersAsync("log")).Count);
        Assert.Equal(Enumerable.Range(0, 2_000), await bed.NumbersAsync("other"));
    }

    [Fact]
    public async Task Segments_given_in_any_order_and_twice_are_restored_in_the_order_of_the_stream()
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        await BackedUpAsync(bed, 2_000);
        await bed.DeleteAsync("log");

        RestoreResult result = await bed.Harness.RestoreAsync(null!, options => options with { Manifest = null, Segments = [.. bed.Harness.Segments.AsEnumerable().Reverse(), bed.Harness.Segments[0]] });

        Assert.True(result.IsComplete);
        Assert.Equal(Enumerable.Range(0, 2_000), await bed.NumbersAsync("log"));
    }

    [Fact]
    public async Task Of_ten_backups_in_a_row_with_one_missing_the_next_goes_on_from_the_newest_that_is_whole()
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        await bed.CreateAsync("log");
        List<BackupManifest> chain = [];
        for (int i = 0; i < 10; i++)
        {
            await bed.PublishNumbersAsync("log", i * 10, 10);
            chain.Add(await bed.Harness.BackupAsync(options => options with { Incremental = true }));
        }

        Directory.Delete(Path.Combine(bed.Harness.Folder, chain[5].BackupId), recursive: true);
        BackupManifest next = await bed.Harness.BackupAsync(options => options with { Incremental = true });
        await bed.DeleteAsync("log");
        await bed.Harness.RestoreAsync(next);

        Assert.Equal((chain[4].BackupId, 50L), (next.BasedOn, next.TotalMessages));
        Assert.Equal(Enumerable.Range(0, 100), await bed.NumbersAsync("log"));
        await Assert.ThrowsAsync<RabbitBackupException>(() => bed.Harness.RestoreAsync(chain[9]));
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task Right_after_a_restore_into_the_same_name_an_incremental_backup_reads_what_is_there_now(string generation)
    {
        await using StreamBed bed = await StreamBed.StartAsync(generation);
        BackupManifest first = await BackedUpAsync(bed, 500);
        await bed.DeleteAsync("log");
        await bed.Harness.RestoreAsync(first);
        BackupManifest second = await bed.Harness.BackupAsync(options => options with { Incremental = true });
        await bed.PublishNumbersAsync("log", 500, 20);
        BackupManifest third = await bed.Harness.BackupAsync(options => options with { Incremental = true });
        await bed.DeleteAsync("log");
        await bed.Harness.RestoreAsync(third);

        Assert.Equal((null, 500L, second.BackupId, 20L), (second.BasedOn, second.TotalMessages, third.BasedOn, third.TotalMessages));
        Assert.Equal(Enumerable.Range(0, 520), await bed.NumbersAsync("log"));
    }

    [Fact]
    public async Task A_run_that_was_cut_reads_the_stream_anew_that_took_the_place_of_its_own()
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 0, 5_000, 200);
        await bed.StoreOffsetAsync("log", "old", 7);
        using CancellationTokenSource cut = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        bed.Harness.OnSegmentCount = count => _ = count == 3 ? cut.CancelAsync() : null;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => bed.Harness.BackupAsync(options => Only(options) with { BackupId = "cut", MaxMessagesPerSecond = 2_000 }, cut.Token));
        await bed.DeleteAsync("log");
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 10_000, 6_000, 200);

        BackupManifest manifest = await bed.Harness.BackupAsync(options => Only(options) with { BackupId = "cut", Resume = true });
        await bed.DeleteAsync("log");
        await bed.Harness.RestoreAsync(manifest);

        Assert.Equal((BackupStatus.Complete, 6_000L), (manifest.Status, manifest.TotalMessages));
        Assert.Empty(manifest.Queues[0].Stream!.ConsumerOffsets);
        Assert.Equal(Enumerable.Range(10_000, 6_000), await bed.NumbersAsync("log"));
    }

    [Theory]
    [InlineData("value")]
    [InlineData("sequence")]
    [InlineData("footer")]
    public async Task A_message_above_the_frame_size_of_any_kind_is_there_once_after_another_run(string kind)
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 0, 3);
        string text = new('x', 3 << 19);
        Connection connection = await Connection.Factory.CreateAsync(new Address(bed.Amqp10Address.AbsoluteUri), new Open { ContainerId = "writer", HostName = "vhost:" + bed.VirtualHost }, null);
        SenderLink sender = new(new Session(connection), "writer", "/queues/log");
        await sender.SendAsync(new Message
        {
            Properties = new Properties { MessageId = "large" },
            BodySection = kind switch { "value" => new AmqpValue { Value = text }, "sequence" => new AmqpSequence { List = new[] { text, text } }, _ => new Data { Binary = new byte[600_000] } },
            Footer = kind == "footer" ? new Footer { [new Amqp.Types.Symbol("x-sum")] = new string('y', 600_000) } : null,
        });
        await connection.CloseAsync();
        BackupManifest manifest = await bed.Harness.BackupAsync();
        await bed.DeleteAsync("log");
        RestoreResult once = await bed.Harness.RestoreAsync(manifest);

        RestoreResult again = await bed.Harness.RestoreAsync(manifest);

        Assert.Equal((4L, 4L, 4L), (once.Confirmed, again.Confirmed, again.AlreadyThere));
        Assert.Equal(4, (await bed.MessagesAsync("log")).Count);
    }

    private static BackupOptions Only(BackupOptions options) =>
        options with { SegmentBytes = 64 << 10, Compression = SegmentCompression.None, Selection = options.Selection with { Names = ["log"] } };

    /// <summary>A stream of numbers and its backup "nightly", in segments of 64 KiB.</summary>
    private static async Task<BackupManifest> BackedUpAsync(StreamBed bed, int messages)
    {
        await bed.CreateAsync("log");
        for (int i = 0; i < messages; i += 250)
        {
            // Segments end between chunks.
            await bed.PublishNumbersAsync("log", i, Math.Min(250, messages - i), 200);
        }

        return await bed.Harness.BackupAsync(options => Only(options) with { BackupId = "nightly" });
    }

    private static string FileOf(StreamBed bed, BackupManifest manifest, SegmentEntry segment) => Path.Combine(bed.Harness.Folder, manifest.BackupId, segment.Key);

    /// <summary>Turns a bit over in a segment's middle.</summary>
    /// <returns>What it was.</returns>
    private static byte[] Damage(StreamBed bed, BackupManifest manifest, SegmentEntry segment)
    {
        string file = FileOf(bed, manifest, segment);
        byte[] good = File.ReadAllBytes(file);
        byte[] bytes = [.. good];
        bytes[bytes.Length / 2] ^= 0x40;
        File.SetAttributes(file, FileAttributes.Normal);
        File.WriteAllBytes(file, bytes);
        return good;
    }
}
