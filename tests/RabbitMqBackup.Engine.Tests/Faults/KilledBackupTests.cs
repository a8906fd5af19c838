using System.Globalization;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.Engine.Verification;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>SIGKILL at random moments: the broker has every message, the store nothing that looks whole and isn't, and resuming completes it.</summary>
public sealed class KilledBackupTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Queue type and store: each with each in the long run, in CI as many as have each of them once.</summary>
    public static TheoryData<string, string> Jobs => LongRun.IsOn
        ? new(new[] { "classic", "quorum", "stream" }.SelectMany(type => new[] { FaultStore.Folder, FaultStore.S3, FaultStore.Azure }.Select(store => (type, store))))
        : new(("classic", FaultStore.Folder), ("quorum", FaultStore.S3), ("stream", FaultStore.Folder), ("stream", FaultStore.S3));

    [Theory]
    [MemberData(nameof(Jobs))]
    public async Task A_backup_that_is_killed_anywhere_loses_nothing_and_is_completed_by_resuming_it(string type, string kind)
    {
        int kills = LongRun.Count(3, 24);
        await using KilledSubject subject = await KilledSubject.StartAsync(type);
        FaultStore store = await FaultStore.MakeAsync(kind, subject.Harness.Folder);
        await using BackupCatalog catalog = new(store.Store);
        int seed = Environment.TickCount;
        Random random = new(seed);

        // The first is not killed: it says how long there is for it.
        string checkpoints = Path.Combine(subject.Harness.Folder, "checkpoints");
        string spared = await subject.FillAsync(0);
        CrashTimes times;
        using (CrashChild child = await CrashChild.StartAsync(subject.Harness, spared, store, "spared", checkpoints))
        {
            times = await child.WatchAsync();
        }

        BackupManifest whole = await catalog.GetAsync("spared", Cancel);
        Assert.Equal(times.Segments, whole.TotalSegments);
        await subject.AssertHeldAsync(whole, spared, "not killed");
        await subject.RemoveAsync(spared);

        Dictionary<string, int> struck = new() { ["before the first segment"] = 0, ["between"] = 0, ["after the last"] = 0 };
        int killed = 0, resumed = 0, round = 0;
        for (; killed < kills; round++)
        {
            string place = $"{type}, {kind}, seed {seed}, round {round + 1}, {killed} killed before";
            Assert.True(round < 3 * kills, $"too many backups came to their end before they were struck: {place}");
            string queue = await subject.FillAsync(round + 1), id = $"round-{round}";
            bool wasKilled;
            using (CrashChild child = await CrashChild.StartAsync(subject.Harness, queue, store, id, checkpoints))
            {
                wasKilled = await child.KillAsync(times, random, killed);
                await subject.AssertUnchangedAsync(queue, place);
            }

            bool isComplete = await catalog.ExistsAsync(id, Cancel);
            if (wasKilled)
            {
                int stored = await CountSegmentsAsync(catalog, id);
                struck[isComplete || stored == times.Segments ? "after the last" : stored == 0 ? "before the first segment" : "between"]++;
                killed++;
            }

            // Every other time as on another machine, which has only the copy in the store.
            resumed += await CompleteAsync(subject, catalog, store, queue, id, round % 2 == 0 ? checkpoints : checkpoints + "-elsewhere", place) ? 1 : 0;
            BackupManifest manifest = await catalog.GetAsync(id, Cancel);
            Assert.True((manifest.Status, manifest.TotalMessages) == (BackupStatus.Complete, whole.TotalMessages), $"{manifest.Status} with {manifest.TotalMessages} ({place})");
            IReadOnlyList<VerificationFinding> findings = (await subject.Harness.VerifyAsync(manifest)).Findings;
            Assert.True(findings.Count == 0, $"{string.Join(' ', findings)} ({place})");
            // One that was killed after its manifest was there had no time to remove its checkpoint's copy, which goes with the backup.
            await AssertNothingElseAsync(catalog, manifest, mayHoldState: wasKilled && isComplete, place);
            await subject.AssertHeldAsync(manifest, queue, place);
            await subject.AssertUnchangedAsync(queue, place);
            await subject.RemoveAsync(queue);
        }

        string where = string.Join(", ", struck.Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Value} {pair.Key}")));
        TestContext.Current.TestOutputHelper?.WriteLine($"{type}, {kind}: {killed} killed of {round} ({where}), {resumed} resumed, seed {seed}");
        Assert.True(!LongRun.IsOn || struck.Values.All(count => count > 0), where);
    }

    /// <summary>Finishes what was killed.</summary>
    /// <returns>True where there was something to resume; false where it had begun nothing, or had come to its end.</returns>
    private static async Task<bool> CompleteAsync(KilledSubject subject, BackupCatalog catalog, FaultStore store, string queue, string id, string checkpoints, string place)
    {
        if (await catalog.ExistsAsync(id, Cancel))
        {
            return false;
        }

        RabbitBackupException refusal = await Assert.ThrowsAsync<RabbitBackupException>(() => catalog.GetAsync(id, Cancel));
        Assert.True(refusal.Code is ErrorCode.BackupIncomplete or ErrorCode.BackupNotFound, place);
        bool begun = refusal.Code == ErrorCode.BackupIncomplete;
        await subject.Harness.BackupAsync(options => options with
        {
            Store = store.Store,
            BackupId = id,
            Resume = begun,
            // One that was killed before it had stored anything leaves its lease all the same.
            BreakStaleLease = true,
            SegmentBytes = CrashChild.SegmentBytes,
            Selection = begun ? new() : new() { Names = [queue], VirtualHosts = [subject.Harness.VirtualHost] },
            CheckpointPath = checkpoints,
        });
        Assert.Empty(subject.Harness.Failures);
        return begun;
    }

    private static async Task<int> CountSegmentsAsync(BackupCatalog catalog, string id)
    {
        int count = 0;
        await foreach (ListEntry _ in catalog.Objects.ListAsync($"{id}/queues/", new ListOptions(), Cancel))
        {
            count++;
        }

        return count;
    }

    private static async Task AssertNothingElseAsync(BackupCatalog catalog, BackupManifest manifest, bool mayHoldState, string place)
    {
        HashSet<string> known = [.. manifest.Queues.SelectMany(queue => queue.Segments).Select(segment => $"{manifest.BackupId}/{segment.Key}"), $"{manifest.BackupId}/manifest.json"];
        if (mayHoldState)
        {
            known.Add($"{manifest.BackupId}/state/offsets.db");
        }

        await foreach (ListEntry row in catalog.Objects.ListAsync($"{manifest.BackupId}/", new ListOptions(), Cancel))
        {
            Assert.True(known.Contains(row.Key), $"{row.Key} is left over ({place})");
        }
    }
}
