using System.Net;
using RabbitMqBackup.Engine.Backup;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Tests.Faults;
using RabbitMqBackup.Engine.Verification;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd.Streams;

/// <summary>Backups that go on where the one before ended.</summary>
public sealed class StreamIncrementalTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task A_chain_holds_every_message_once_and_its_last_backup_restores_them_all(string generation)
    {
        await using StreamBed bed = await StreamBed.StartAsync(generation);
        await bed.CreateAsync("log");
        await bed.PublishAsync("log", StreamBed.Mixed(3_000, 100));
        BackupManifest first = await bed.Harness.BackupAsync(Incremental);
        await bed.StoreOffsetAsync("log", "billing", 10);
        await bed.PublishAsync("log", StreamBed.Mixed(2_000, 100));
        BackupManifest second = await bed.Harness.BackupAsync(Incremental);
        BackupManifest idle = await bed.Harness.BackupAsync(Incremental);
        await bed.PublishAsync("log", StreamBed.Mixed(500, 100));
        BackupManifest last = await bed.Harness.BackupAsync(Incremental);
        (string, long Messages) before = await bed.FingerprintAsync("log");

        await bed.DeleteAsync("log");
        RestoreResult half = await bed.Harness.RestoreAsync(second);
        RestoreResult whole = await bed.Harness.RestoreAsync(last);

        Assert.Empty(bed.Harness.Failures);
        Assert.Equal((null, first.BackupId, second.BackupId, idle.BackupId), (first.BasedOn, second.BasedOn, idle.BasedOn, last.BasedOn));
        Assert.Equal(0, idle.TotalMessages);
        Assert.Equal(before.Messages, new[] { first, second, idle, last }.Sum(manifest => manifest.TotalMessages));
        Assert.Equal(first.TotalMessages + second.TotalMessages, half.Confirmed);
        Assert.Equal((before.Messages, half.Confirmed), (whole.Confirmed, whole.Queues[0].AlreadyThere));
        Assert.Equal(before, await bed.FingerprintAsync("log"));
        Assert.Equal(10, last.Queues[0].Stream!.ConsumerOffsets["billing"]);
        VerificationReport report = await bed.Harness.VerifyAsync(last);
        Assert.Empty(report.Findings);
        Assert.Equal(before.Messages, report.Messages);
    }

    [Fact]
    public async Task A_stream_that_was_deleted_and_made_anew_is_read_from_its_beginning()
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 0, 500);
        await bed.Harness.BackupAsync(Incremental);
        await bed.DeleteAsync("log");
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 10_000, 800);

        BackupManifest second = await bed.Harness.BackupAsync(Incremental);
        await bed.DeleteAsync("log");
        await bed.Harness.RestoreAsync(second);

        Assert.Empty(bed.Harness.Failures);
        Assert.Null(second.Queues[0].Stream!.StartOffset);
        Assert.Equal(Enumerable.Range(10_000, 800), await bed.NumbersAsync("log"));
    }

    [Fact]
    public async Task A_stream_that_is_shorter_than_it_was_is_another_one()
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 0, 500);
        await bed.Harness.BackupAsync(Incremental);
        await bed.DeleteAsync("log");
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 10_000, 5);

        BackupManifest second = await bed.Harness.BackupAsync(Incremental);

        Assert.Equal((null, 5L), (second.Queues[0].Stream!.StartOffset, second.TotalMessages));
        Assert.Null(second.BasedOn);
    }

    [Fact]
    public async Task A_stream_that_was_left_out_once_goes_on_from_the_backup_that_had_it()
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        await bed.CreateAsync("a");
        await bed.CreateAsync("b");
        await bed.PublishNumbersAsync("a", 0, 100);
        await bed.PublishNumbersAsync("b", 0, 100);
        await bed.Harness.BackupAsync(Incremental);
        await bed.PublishNumbersAsync("a", 100, 10);
        await bed.PublishNumbersAsync("b", 100, 10);
        await bed.Harness.BackupAsync(options => Incremental(options) with { Selection = options.Selection with { Names = ["a"] } });
        BackupManifest last = await bed.Harness.BackupAsync(Incremental);
        await bed.DeleteAsync("a");
        await bed.DeleteAsync("b");

        await bed.Harness.RestoreAsync(last);

        Assert.Equal(10, last.TotalMessages);
        Assert.Equal(Enumerable.Range(0, 110), await bed.NumbersAsync("a"));
        Assert.Equal(Enumerable.Range(0, 110), await bed.NumbersAsync("b"));
    }

    [Fact]
    public async Task A_chain_with_a_missing_backup_is_told_before_anything_is_changed()
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 0, 10);
        BackupManifest first = await bed.Harness.BackupAsync(Incremental);
        await bed.PublishNumbersAsync("log", 10, 10);
        BackupManifest second = await bed.Harness.BackupAsync(Incremental);
        Directory.Delete(Path.Combine(bed.Harness.Folder, first.BackupId), recursive: true);

        RabbitBackupException missing = await Assert.ThrowsAsync<RabbitBackupException>(() => bed.Harness.RestoreAsync(second));

        Assert.Equal((ErrorCode.BackupIncomplete, first.BackupId), (missing.Code, missing.Target));
        Assert.Single(BackupChain.DependentsOf(first.BackupId, [second]));
        VerificationFinding finding = Assert.Single((await bed.Harness.VerifyAsync(second)).Findings);
        Assert.Equal((true, nameof(ErrorCode.BackupIncomplete)), (finding.IsError, finding.Code));
    }

    [Fact]
    public async Task A_base_of_another_cluster_or_one_that_is_not_there_is_refused()
    {
        await using StreamBed bed = await StreamBed.StartAsync();

        RabbitBackupException missing = await Assert.ThrowsAsync<RabbitBackupException>(() => bed.Harness.BackupAsync(options => options with { BasedOn = "nosuch" }));

        Assert.Equal(ErrorCode.BackupNotFound, missing.Code);
        BackupManifest own = await bed.Harness.BackupAsync();
        await using BackupCatalog catalog = new(bed.Harness.Store);
        await catalog.CommitAsync(own with { BackupId = "foreign", SourceCluster = "rabbit@elsewhere" }, Stop);
        RabbitBackupException foreign = await Assert.ThrowsAsync<RabbitBackupException>(() => bed.Harness.BackupAsync(options => options with { BasedOn = "foreign" }));
        Assert.Contains("rabbit@elsewhere", foreign.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_retention_took_between_two_backups_is_a_gap()
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        BackupManifest first = await OutgrowAsync(bed, maxBytes: 100_000, messages: 10_000);

        BackupManifest second = await bed.Harness.BackupAsync(Incremental);

        QueueEntry entry = Assert.Single(second.Queues);
        GapEntry gap = Assert.Single(entry.Gaps);
        Assert.Equal(("Retention", first.Queues[0].Stream!.NextOffset, (long?)entry.Segments[0].FirstOffset - 1), (gap.Code, gap.FirstOffset, gap.LastOffset));
        Assert.Equal((QueueOutcome.Incomplete, BackupStatus.Partial), (entry.Outcome, second.Status));
        Assert.Equal(10_100, entry.Stream!.NextOffset);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_retention_took_is_told_once_by_a_run_that_goes_on_after_a_cut(bool connectionLostBefore)
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        BackupManifest first = await OutgrowAsync(bed, maxBytes: 1_000_000, messages: 20_000);
        await using ToxicProxy proxy = new(bed.Broker.Host, bed.Broker.StreamPort, _ => connectionLostBefore ? new Toxic { After = 300_000, Cut = true } : null);

        // The connection that met the gap is gone by the seventh segment of 64 KiB, where the run is cut.
        using CancellationTokenSource cut = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        int stored = bed.Harness.Segments.Count;
        bed.Harness.OnSegmentCount = count =>
        {
            if (count == stored + 7)
            {
                cut.Cancel();
            }
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => bed.Harness.BackupAsync(
            options => Incremental(options) with { BackupId = "cut", SegmentBytes = 64 << 10, Broker = options.Broker with { StreamEndpoint = new DnsEndPoint("127.0.0.1", proxy.Port) } }, cut.Token));
        Assert.Equal(connectionLostBefore, proxy.Struck > 0);
        bed.Harness.OnSegmentCount = null;

        BackupManifest second = await bed.Harness.BackupAsync(options => options with { BackupId = "cut", Resume = true });

        QueueEntry entry = Assert.Single(second.Queues);
        GapEntry gap = Assert.Single(entry.Gaps);
        Assert.Equal((first.Queues[0].Stream!.NextOffset, (long?)entry.Segments[0].FirstOffset - 1), (gap.FirstOffset, gap.LastOffset));
        Assert.Equal(20_100, entry.Messages + gap.Messages + 100);
        Assert.Equal((QueueOutcome.Incomplete, 20_100L), (entry.Outcome, entry.Stream!.NextOffset));
    }

    /// <summary>A stream with a backup of its first 100 messages, and then with so many more of 100 B that retention has taken some.</summary>
    private static async Task<BackupManifest> OutgrowAsync(StreamBed bed, int maxBytes, int messages)
    {
        await bed.CreateAsync("log", ("max-length-bytes", $"{maxBytes}"), ("stream-max-segment-size-bytes", $"{maxBytes / 2}"));
        await bed.PublishNumbersAsync("log", 0, 100, bytes: 100);
        BackupManifest first = await bed.Harness.BackupAsync(Incremental);
        for (int sent = 0; sent < messages; sent += 1000)
        {
            await bed.PublishNumbersAsync("log", 100 + sent, 1000, bytes: 100);
        }

        return first;
    }

    private static BackupOptions Incremental(BackupOptions options) => options with { Incremental = true };
}
