using System.Diagnostics.Metrics;
using RabbitMqBackup.Engine.Backup;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd.Streams;

/// <summary>Streams that are followed until the run ends.</summary>
public sealed class StreamContinuousTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.3")]
    public async Task A_stream_is_followed_until_the_run_is_cancelled_and_the_backup_is_whole_then(string generation)
    {
        await using StreamBed bed = await StreamBed.StartAsync(generation);
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 0, 1_000);
        using CancellationTokenSource ending = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        TaskCompletionSource committed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        bed.Harness.OnFirstSegment = committed.SetResult;

        Task<BackupManifest> running = bed.Harness.BackupAsync(Continuous, ending.Token);

        // A segment is cut by time alone: nothing more is written before it is there.
        await committed.Task.WaitAsync(TimeSpan.FromSeconds(60), Stop);
        await bed.PublishNumbersAsync("log", 1_000, 1_000);
        await AwaitCapturedAsync(bed, 2_000);
        await ending.CancelAsync();
        BackupManifest manifest = await running;

        await bed.PublishNumbersAsync("log", 2_000, 500);
        BackupManifest next = await bed.Harness.BackupAsync(options => options with { Incremental = true });
        await bed.DeleteAsync("log");
        await bed.Harness.RestoreAsync(next);

        Assert.Empty(bed.Harness.Failures);
        Assert.Equal((BackupStatus.Complete, 2_000L), (manifest.Status, manifest.TotalMessages));
        Assert.True(manifest.TotalSegments > 1);
        Assert.Equal((500L, manifest.BackupId), (next.TotalMessages, next.BasedOn));
        Assert.Equal(Enumerable.Range(0, 2_500), await bed.NumbersAsync("log"));
    }

    [Fact]
    public async Task It_ends_by_itself_after_its_time_and_tells_how_far_it_is_behind()
    {
        await using StreamBed bed = await StreamBed.StartAsync("4.3");
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 0, 100);
        List<OperationProgress> seen = [];
        List<string> measured = [];
        using MeterListener listener = new();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == StreamMetrics.MeterName)
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, _, tags, _) => measured.Add($"{instrument.Name} {string.Join(' ', tags.ToArray().Select(tag => tag.Value))}"));
        listener.Start();
        bed.Harness.OnProgress = progress =>
        {
            seen.Add(progress);
            listener.RecordObservableInstruments();
        };

        BackupManifest manifest = await bed.Harness.BackupAsync(options => Continuous(options) with { Duration = TimeSpan.FromSeconds(4) });

        Assert.Equal((BackupStatus.Complete, 100L), (manifest.Status, manifest.TotalMessages));
        Assert.Contains(seen, progress => progress.Behind is not null && progress.TotalMessages is null);
        Assert.Contains($"{StreamMetrics.BehindName} {bed.VirtualHost} log", measured);
    }

    [Fact]
    public async Task Queues_are_not_followed_and_asking_for_them_is_refused()
    {
        await using StreamBed bed = await StreamBed.StartAsync();

        await Assert.ThrowsAsync<ArgumentException>(() => bed.Harness.BackupAsync(options => Continuous(options) with { Selection = options.Selection with { Types = [QueueTypes.Classic] } }));
        await Assert.ThrowsAsync<ArgumentException>(() => bed.Harness.BackupAsync(options => options with { Duration = TimeSpan.FromSeconds(5) }));
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.3")]
    public async Task A_run_that_was_cut_goes_on_at_the_next_offset_and_keeps_what_it_has(string generation)
    {
        await using StreamBed bed = await StreamBed.StartAsync(generation);
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 0, 100);
        await bed.Harness.BackupAsync(options => options with { BackupId = "base", Incremental = true });
        await bed.StoreOffsetAsync("log", "reader", 42);
        await bed.PublishAsync("log", StreamBed.Mixed(20_000, 100));
        (string, long Messages) before = await bed.FingerprintAsync("log");
        using CancellationTokenSource cut = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        int stored = bed.Harness.Segments.Count;
        bed.Harness.OnSegmentCount = count =>
        {
            if (count == stored + 3)
            {
                cut.Cancel();
            }
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => bed.Harness.BackupAsync(options => options with { BackupId = "cut", Incremental = true, SegmentBytes = 64 << 10 }, cut.Token));
        string[] kept = [.. bed.Harness.Segments.Where(segment => segment.BackupId == "cut").Select(segment => segment.Key)];
        bed.Harness.OnSegmentCount = null;

        BackupManifest manifest = await bed.Harness.BackupAsync(options => options with { BackupId = "cut", Resume = true });
        await bed.DeleteAsync("log");
        await bed.Harness.RestoreAsync(manifest);

        Assert.Empty(bed.Harness.Failures);
        QueueEntry entry = Assert.Single(manifest.Queues);
        Assert.Equal((BackupStatus.Complete, "base", 100L), (manifest.Status, manifest.BasedOn, entry.Stream!.StartOffset));
        Assert.Equal(before.Messages - 100, manifest.TotalMessages);
        Assert.Equal(kept, entry.Segments.Take(kept.Length).Select(segment => segment.Key));
        Assert.Equal(42, entry.Stream.ConsumerOffsets["reader"]);
        Assert.Empty((await bed.Harness.VerifyAsync(manifest)).Findings);
        Assert.Equal(before, await bed.FingerprintAsync("log"));
    }

    private static BackupOptions Continuous(BackupOptions options) => options with { Continuous = true, SegmentInterval = TimeSpan.FromSeconds(1) };

    private static async Task AwaitCapturedAsync(StreamBed bed, long messages)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        while (bed.Harness.Segments.ToArray().Sum(segment => segment.Records) < messages)
        {
            await Task.Delay(50, limit.Token);
        }
    }
}
