using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Tests.EndToEnd.Streams;
using RabbitMqBackup.Engine.Tests.Restore;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>A restore that is killed at random points and resumed: nothing missing, nothing twice but what was on its way, the order kept.</summary>
public sealed class KilledRestoreTests
{
    private const int Window = 500;

    /// <summary>Queue type and store: each with each in the long run, in CI each once.</summary>
    public static TheoryData<string, string> Queues => LongRun.IsOn
        ? new(("classic", FaultStore.Folder), ("classic", FaultStore.S3), ("quorum", FaultStore.Folder), ("quorum", FaultStore.S3))
        : new(("classic", FaultStore.Folder), ("quorum", FaultStore.S3));

    /// <summary>The target's version and the store.</summary>
    public static TheoryData<string, string> Streams => LongRun.IsOn
        ? new(("3.10", FaultStore.Folder), ("4.3", FaultStore.Folder), ("4.3", FaultStore.S3))
        : new(("3.10", FaultStore.Folder), ("4.3", FaultStore.S3));

    [Theory]
    [MemberData(nameof(Queues))]
    public async Task A_restore_that_is_killed_anywhere_is_completed_by_resuming_it(string type, string kind)
    {
        int messages = LongRun.Count(20_000, 200_000);
        int kills = LongRun.Count(4, 20);
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", type, RestoreScene.Numbered(messages, bytes: 200));
        FaultStore store = await FaultStore.MakeAsync(kind, scene.Harness.Folder);
        BackupManifest manifest = await scene.Harness.BackupAsync(options => options with { Store = store.Store, SegmentBytes = 1 << 20, Force = true });
        await scene.Client.DeleteAsync("orders");
        string checkpoints = Path.Combine(scene.Harness.Folder, "checkpoints");
        int seed = Environment.TickCount;
        Random random = new(seed);
        int killed = 0;
        for (int run = 0; run < kills; run++)
        {
            // A share of what is left, so that every kill meets a restore at work.
            using RestoreChild child = RestoreChild.Start(scene.Harness, store, manifest, checkpoints, Window);
            killed += await child.KillAtAsync(random.Next(messages / (kills + 2)), random.Next(50)) ? 1 : 0;
        }

        RestoreResult result = await scene.Harness.RestoreAsync(manifest, options => options with { Resume = true, CheckpointPath = checkpoints, ConfirmWindow = Window });

        List<int> ids = [.. (await scene.Client.TakeIdsAsync("orders")).Select(int.Parse)];
        int twice = ids.Count - messages;
        TestContext.Current.TestOutputHelper?.WriteLine($"{type}, {kind}: {messages} messages, {killed} kills, {twice} messages twice (window {Window}), {result.Queues[0].AlreadyThere} there before the last run, seed {seed}");
        Assert.Equal(kills, killed);
        Assert.True(result.IsComplete, result.Queues[0].Reason);
        Assert.Equal(messages, result.Confirmed);
        Assert.NotNull(result.RestoreId);
        Assert.InRange(twice, 0, Window * killed);
        Assert.Equal(Enumerable.Range(0, messages), ids.Distinct());
        Assert.Empty(Directory.EnumerateFiles(checkpoints, "restore-*"));
    }

    [Theory]
    [MemberData(nameof(Streams))]
    public async Task A_stream_whose_restore_is_killed_anywhere_has_each_message_once(string generation, string kind)
    {
        int messages = LongRun.Count(20_000, 200_000);
        int kills = LongRun.Count(3, 20);
        await using StreamBed bed = await StreamBed.StartAsync(generation);
        await bed.CreateAsync("log");
        await bed.PublishAsync("log", StreamBed.Mixed(messages, 200));
        (string Sha256, long Messages) before = await bed.FingerprintAsync("log");
        FaultStore store = await FaultStore.MakeAsync(kind, bed.Harness.Folder);
        BackupManifest manifest = await bed.Harness.BackupAsync(options => options with { Store = store.Store, SegmentBytes = 1 << 20 });
        await bed.DeleteAsync("log");
        string checkpoints = Path.Combine(bed.Harness.Folder, "checkpoints");
        int seed = Environment.TickCount;
        Random random = new(seed);
        int killed = 0;
        for (int run = 0; run < kills; run++)
        {
            // Progress counts what an earlier run brought over. Without a rate it would be through before a kill can meet it.
            using RestoreChild child = RestoreChild.Start(bed.Harness, store, manifest, checkpoints, Window, rate: 20_000);
            killed += await child.KillAtAsync(messages / (kills + 2) * (run + 1), random.Next(50)) ? 1 : 0;
        }

        RestoreResult result = await bed.Harness.RestoreAsync(manifest, options => options with { Resume = true, CheckpointPath = checkpoints });

        TestContext.Current.TestOutputHelper?.WriteLine($"{generation}, {kind}: {before.Messages} messages, {killed} kills, {result.Queues[0].AlreadyThere} there before the last run, seed {seed}");
        Assert.Equal((true, before.Messages), (result.IsComplete, result.Confirmed));
        Assert.Equal(kills, killed);
        Assert.InRange(result.Queues[0].AlreadyThere, 1, before.Messages - 1);
        Assert.Equal(before, await bed.FingerprintAsync("log"));
    }
}
