using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.Engine.Verification;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Restore;

/// <summary>A restore calls itself complete only when all that the manifest promises is there, and one that is not complete can be completed.</summary>
public sealed class RestoreHonestyTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(5)]
    [InlineData(-5)]
    public async Task A_manifest_that_promises_another_number_of_messages_is_found_by_all_who_read_it(int more)
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "classic", RestoreScene.Numbered(3000, bytes: 1000));
        BackupManifest honest = await scene.Harness.BackupAsync(options => options with { SegmentBytes = 1 << 20 });
        Assert.True(honest.Queues[0].Segments.Count > 2);
        BackupManifest forged = Forged(honest, more);
        await scene.Client.DeleteAsync("orders");

        RestoreResult result = await scene.Harness.RestoreAsync(forged);

        // Those beyond the number are left out: what is behind them would be taken for what an earlier run brought over.
        Assert.False(result.IsComplete);
        Assert.Equal((nameof(ErrorCode.SegmentCorrupt), Math.Min(3000, 3000 + more)), (result.Queues[0].ErrorCode, result.Confirmed));
        RabbitBackupException told = Assert.Single(scene.Harness.Failures);
        Assert.Equal((ErrorCode.SegmentCorrupt, forged.Queues[0].Segments[0].Key), (told.Code, told.Target));
        List<int> ids = [.. (await scene.Client.TakeIdsAsync("orders")).Select(int.Parse)];
        Assert.Equal(ids.Distinct().Order(), ids);
        Assert.Equal(2999, ids[^1]);
        Assert.False((await scene.Harness.VerifyAsync(forged)).IsValid);
        (_, IReadOnlyList<VerificationFinding> findings) = await new RestoreDrill().RunAsync(forged, new DrillOptions { Broker = scene.Harness.Broker }, _ => { }, Cancel);
        Assert.Contains(findings, finding => finding is { IsError: true, Code: nameof(ErrorCode.SegmentCorrupt) });
        await Assert.ThrowsAsync<RabbitBackupException>(async () =>
        {
            await foreach (BackupMessage _ in BackupContents.ReadMessagesAsync(BackupContents.GetSegments(forged).First(), Cancel))
            {
            }
        });
    }

    [Fact]
    public async Task A_conflict_of_one_queue_does_not_bar_the_way_for_another_run_that_mends_it()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "classic", RestoreScene.Numbered(50));
        await scene.Client.DeclareAsync("ledger", "classic");
        await scene.Client.PublishAsync("ledger", RestoreScene.Numbered(20));
        BackupManifest manifest = await scene.Harness.BackupAsync();
        await scene.Client.DeleteAsync("orders");
        await scene.Client.DeleteAsync("ledger");
        await scene.Client.DeclareAsync("ledger", "quorum");
        RestoreResult first = await scene.Harness.RestoreAsync(manifest);
        await scene.Client.DeleteAsync("ledger");

        RestoreResult second = await scene.Harness.RestoreAsync(manifest, options => options with { Resume = true });

        Assert.False(first.IsComplete);
        Assert.Equal((true, 70L, 50L), (second.IsComplete, second.Confirmed, second.AlreadyThere));
        Assert.Equal((50u, 20u), (await scene.Client.CountAsync("orders"), await scene.Client.CountAsync("ledger")));
    }

    [Fact]
    public async Task To_resume_what_was_not_begun_is_told_where_messages_are_in_the_way()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "classic", RestoreScene.Numbered(10));
        BackupManifest manifest = await scene.Harness.BackupAsync();

        RestoreResult result = await scene.Harness.RestoreAsync(manifest, options => options with { Resume = true });

        Assert.Equal((false, nameof(ErrorCode.RestoreConflict)), (result.IsComplete, result.Queues[0].ErrorCode));
        Assert.Contains("no restore of it to resume", result.Queues[0].Reason, StringComparison.Ordinal);
        Assert.Equal(10u, await scene.Client.CountAsync("orders"));
    }

    [Fact]
    public void Another_selection_is_another_restore()
    {
        RestoreOptions options = new() { Broker = new() { Endpoints = [new("localhost", 1)] }, Manifest = new BackupManifest { BackupId = "b" }, CheckpointPath = Path.GetTempPath() };
        string?[] files =
        [
            .. new[]
            {
                options,
                options with { FromOffset = 5 },
                options with { ToOffset = 5 },
                options with { First = 5 },
                options with { Expiration = ExpirationHandling.Remaining },
                options with { Queues = ["q"] },
            }.Select(each => RestoreJournal.FileOf(each, "rabbit@test")),
        ];

        Assert.Equal(files.Length, files.Distinct().Count());
        Assert.Equal(files[0], RestoreJournal.FileOf(options with { ConfirmWindow = 7, Force = true }, "rabbit@test"));
    }

    /// <summary>The first segment has so many more messages than it has.</summary>
    private static BackupManifest Forged(BackupManifest manifest, int more)
    {
        QueueEntry queue = manifest.Queues[0];
        SegmentEntry first = queue.Segments[0];
        return manifest with { Queues = [queue with { Messages = queue.Messages + more, Segments = [first with { Records = first.Records + more }, .. queue.Segments.Skip(1)] }] };
    }
}
