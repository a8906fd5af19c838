using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.Engine.Tests.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Catalog;

public sealed class BackupRemoverTests : IAsyncDisposable
{
    private readonly MemoryStore _objects = new();
    private readonly BackupStore _store;
    private readonly BackupCatalog _catalog;
    private readonly RecordingLog _log = new();

    public BackupRemoverTests()
    {
        _store = new BackupStore("memory:", () => _objects);
        _catalog = new BackupCatalog(_store);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _catalog.DisposeAsync();

    [Fact]
    public async Task What_is_named_is_removed_with_all_its_objects_and_nothing_else()
    {
        await AddAsync("a", 0);
        await AddAsync("b", 1);
        string[] before = await KeysAsync("b");

        BackupRemoval removed = Assert.Single(await RemoveAsync(Named("a")));

        Assert.Equal("a", removed.BackupId);
        Assert.Equal(3, removed.Objects);
        Assert.Equal(before, await KeysAsync(""));
    }

    [Fact]
    public async Task The_manifest_goes_first()
    {
        await AddAsync("a", 0);
        await AddAsync("b", 1);
        List<string> deleted = [];
        BackupStore watched = new("memory:", () => new WatchedStore(_objects) { OnDelete = path => deleted.Add(path) });

        await RemoveAsync(Named("a") with { Store = watched });

        Assert.Equal("a/manifest.json", deleted[0]);
        Assert.Equal(4, deleted.Count);
    }

    [Fact]
    public async Task A_removal_that_fails_half_way_leaves_no_backup_and_is_repeated_by_its_id()
    {
        await AddAsync("a", 0);
        await AddAsync("b", 1);
        string[] other = await KeysAsync("b");
        int deletes = 0;
        BackupStore failing = new("memory:", () => new WatchedStore(_objects) { OnDelete = path => _ = path.StartsWith("a/", StringComparison.Ordinal) && Interlocked.Increment(ref deletes) > 1 ? throw new RabbitBackupException(ErrorCode.StorageUnavailable, "gone") : 0 });

        await AssertCodeAsync(ErrorCode.StorageUnavailable, () => RemoveAsync(Named("a") with { Store = failing }));
        Assert.False(await _catalog.ExistsAsync("a", Cancel));
        Assert.NotEmpty(await KeysAsync("a"));
        Assert.Empty(await KeysAsync("_leases"));

        await RemoveAsync(Named("a") with { Backups = null, BackupIds = ["a"] });
        Assert.Equal(other, await KeysAsync(""));
    }

    [Fact]
    public async Task Retention_keeps_the_last_good_backup_however_many_partial_ones_are_newer()
    {
        await AddAsync("good", 0);
        await AddAsync("p1", 1, backup => backup with { Status = BackupStatus.Partial });
        await AddAsync("p2", 2, backup => backup with { Status = BackupStatus.Partial });

        RemovalPlan plan = await PlanAsync(new RemovalOptions { Store = _store, Retention = new RetentionPolicy { KeepLast = 1 } });

        Assert.Equal([("good", RemovalDecision.Keep), ("p1", RemovalDecision.Remove), ("p2", RemovalDecision.Keep)], plan.Backups.Select(row => (row.BackupId, row.Decision)));
        Assert.Equal(["last good"], plan.Backups[0].Reasons);
        Assert.Empty(plan.Refusals);
        plan = await PlanAsync(plan.Options with { Force = true });
        Assert.Equal(RemovalDecision.Remove, plan.Backups[0].Decision);
    }

    [Fact]
    public async Task By_name_the_last_good_backup_of_a_cluster_is_refused_and_with_force_removed()
    {
        await AddAsync("a", 0);
        await AddAsync("b", 1);
        await AddAsync("other", 2, backup => backup with { SourceCluster = "other" });

        RabbitBackupException refusal = Assert.Single((await PlanAsync(Named("a", "b"))).Refusals);

        Assert.Equal(ErrorCode.BackupProtected, refusal.Code);
        Assert.Equal("b", refusal.Target);
        Assert.Contains("-Force", refusal.Hint);
        Assert.Empty((await PlanAsync(Named("b"))).Refusals);
        Assert.Equal(["a", "b"], (await RemoveAsync(Named("a", "b") with { Force = true })).Select(row => row.BackupId));
    }

    [Fact]
    public async Task A_pinned_backup_stays_even_with_force()
    {
        BackupManifest a = await AddAsync("a", 0);
        await AddAsync("b", 1);
        await AddAsync("c", 2);
        Assert.True((await new BackupMarks().PinAsync(a, pin: true, Cancel)).IsPinned);
        await new BackupMarks().PinAsync(a, pin: true, Cancel);
        Assert.Equal([true, false, false], (await ListAsync()).Select(backup => backup.IsPinned));

        RabbitBackupException refusal = Assert.Single((await PlanAsync(Named("a", "b") with { Force = true })).Refusals);
        Assert.Equal(("a", ErrorCode.BackupProtected), (refusal.Target, refusal.Code));
        RemovalPlan plan = await PlanAsync(new RemovalOptions { Store = _store, Retention = new RetentionPolicy { KeepLast = 1 }, Force = true });
        Assert.Equal([RemovalDecision.Keep, RemovalDecision.Remove, RemovalDecision.Keep], plan.Backups.Select(row => row.Decision));

        await new BackupMarks().PinAsync(a, pin: false, Cancel);
        Assert.Equal(["a", "b"], (await RemoveAsync(Named("a", "b"))).Select(row => row.BackupId));
        Assert.Empty(await KeysAsync("_"));
    }

    [Fact]
    public async Task A_pin_that_comes_after_the_plan_holds()
    {
        BackupManifest a = await AddAsync("a", 0);
        await AddAsync("b", 1);
        RemovalPlan plan = await PlanAsync(Named("a"));
        await new BackupMarks().PinAsync(a, pin: true, Cancel);

        await AssertCodeAsync(ErrorCode.BackupProtected, () => new BackupRemover(_log).RemoveAsync(plan, plan.Backups[0], _ => { }, Cancel));
        Assert.True(await _catalog.ExistsAsync("a", Cancel));
    }

    [Fact]
    public async Task What_is_not_there_can_not_be_pinned()
    {
        BackupManifest ghost = TestManifests.Small("ghost") with { Store = _store };

        await AssertCodeAsync(ErrorCode.BackupNotFound, () => new BackupMarks().PinAsync(ghost, pin: true, Cancel));
        await _objects.PutAsync(ObjectPath.Parse("ghost/queues/x"), new MemoryStream([1]), new PutOptions(), Cancel);
        await AssertCodeAsync(ErrorCode.BackupIncomplete, () => new BackupMarks().PinAsync(ghost, pin: true, Cancel));
        Assert.Empty(await KeysAsync("_"));
    }

    [Fact]
    public async Task A_backup_that_others_are_based_on_is_refused_or_removed_after_them()
    {
        await AddAsync("full", 0);
        await AddAsync("inc1", 1, backup => backup with { BasedOn = "full" });
        await AddAsync("inc2", 2, backup => backup with { BasedOn = "inc1" });
        await AddAsync("later", 3);

        Assert.Equal(["full"], (await PlanAsync(Named("full"))).Refusals.Select(refusal => refusal.Target));
        Assert.Equal(["full"], (await PlanAsync(Named("full", "inc1") with { BackupIds = [], Backups = [await _catalog.GetAsync("full", Cancel), await _catalog.GetAsync("inc2", Cancel)] })).Refusals.Select(refusal => refusal.Target));
        Assert.Equal(["inc2", "inc1", "full"], (await RemoveAsync(Named("full") with { Recurse = true })).Select(row => row.BackupId));
    }

    [Fact]
    public async Task A_pin_protects_the_whole_chain_below_it()
    {
        await AddAsync("full", 0);
        await AddAsync("inc1", 1, backup => backup with { BasedOn = "full" });
        BackupManifest top = await AddAsync("inc2", 2, backup => backup with { BasedOn = "inc1" });
        await AddAsync("later", 3);
        await new BackupMarks().PinAsync(top, pin: true, Cancel);

        RemovalPlan plan = await PlanAsync(Named("full") with { Recurse = true });

        Assert.All(plan.Backups, row => Assert.Equal(RemovalDecision.Refuse, row.Decision));
        Assert.Equal(3, plan.Refusals.Count());
    }

    [Fact]
    public async Task Retention_never_breaks_a_chain()
    {
        await AddAsync("full", 0);
        await AddAsync("inc1", 1, backup => backup with { BasedOn = "full" });
        await AddAsync("lone", 2);
        await AddAsync("inc2", 3, backup => backup with { BasedOn = "inc1" });

        RemovalPlan plan = await PlanAsync(new RemovalOptions { Store = _store, Retention = new RetentionPolicy { KeepLast = 1 } });

        Assert.Equal(["lone"], plan.Backups.Where(row => row.Decision == RemovalDecision.Remove).Select(row => row.BackupId));
        Assert.Contains("inc2 is based on it", plan.Backups.Single(row => row.BackupId == "full").Reasons);
        Assert.Empty(plan.Refusals);
    }

    [Fact]
    public async Task A_base_is_not_removed_when_what_is_based_on_it_was_not()
    {
        await AddAsync("full", 0);
        await AddAsync("inc", 1, backup => backup with { BasedOn = "full" });
        await AddAsync("later", 2);
        RemovalPlan plan = await PlanAsync(Named("full", "inc"));
        BackupRemover remover = new(_log);

        // A person said no to the first, or it failed.
        await AssertCodeAsync(ErrorCode.BackupProtected, () => remover.RemoveAsync(plan, plan.Backups[1], _ => { }, Cancel));
        await remover.RemoveAsync(plan, plan.Backups[0], _ => { }, Cancel);
        await remover.RemoveAsync(plan, plan.Backups[1], _ => { }, Cancel);
    }

    [Fact]
    public async Task A_circle_of_bases_in_hostile_manifests_ends()
    {
        await AddAsync("a", 0, backup => backup with { BasedOn = "b" });
        await AddAsync("b", 1, backup => backup with { BasedOn = "a" });
        await AddAsync("c", 2);

        Assert.Equal(2, (await PlanAsync(Named("a") with { Recurse = true })).Backups.Count);
    }

    [Fact]
    public async Task Remains_are_removed_when_they_are_old_enough_and_nobody_is_at_work()
    {
        await AddAsync("good", 0);
        await _objects.PutAsync(ObjectPath.Parse("killed/queues/x/segment-0001.zst"), new MemoryStream([1, 2]), new PutOptions(), Cancel);
        await _objects.PutAsync(ObjectPath.Parse("_leases/only-a-lease/exclusive.json"), new MemoryStream((LeaseHolder.Self(LeasePurpose.Backup, TimeProvider.System) with { ProcessId = int.MaxValue }).ToJson()), new PutOptions(), Cancel);
        await using BackupLease running = await new BackupLeases(_objects, _log, TimeProvider.System).TakeAsync("running", LeasePurpose.Backup, Cancel);
        await _objects.PutAsync(ObjectPath.Parse("running/queues/x/segment-0001.zst"), new MemoryStream([1]), new PutOptions(), Cancel);
        RemovalOptions options = new() { Store = _store, OrphanAge = TimeSpan.Zero };

        Assert.DoesNotContain((await PlanAsync(options with { OrphanAge = TimeSpan.FromDays(1) })).Backups, row => row.Decision == RemovalDecision.Remove);
        RemovalPlan plan = await PlanAsync(options);
        Assert.Equal(["killed", "only-a-lease", "running"], plan.Backups.Select(row => row.BackupId).Order());
        BackupRemover remover = new(_log);
        foreach (BackupRemoval row in plan.Backups.Where(row => row.BackupId != "running"))
        {
            await remover.RemoveAsync(plan, row, _ => { }, Cancel);
        }

        await AssertCodeAsync(ErrorCode.BackupInUse, () => remover.RemoveAsync(plan, plan.Backups.Single(row => row.BackupId == "running"), _ => { }, Cancel));
        Assert.Empty(await KeysAsync("killed"));
        Assert.Equal(["_leases/running/exclusive.json"], await KeysAsync("_"));
        Assert.True(await _catalog.ExistsAsync("good", Cancel));
    }

    [Fact]
    public async Task An_unfinished_backup_that_is_finished_meanwhile_is_not_removed()
    {
        await _objects.PutAsync(ObjectPath.Parse("slow/queues/x/segment-0001.zst"), new MemoryStream([1, 2]), new PutOptions(), Cancel);
        RemovalPlan plan = await PlanAsync(new RemovalOptions { Store = _store, OrphanAge = TimeSpan.Zero });
        await _catalog.CommitAsync(TestManifests.Small("slow"), Cancel);

        await AssertCodeAsync(ErrorCode.BackupProtected, () => new BackupRemover(_log).RemoveAsync(plan, Assert.Single(plan.Backups), _ => { }, Cancel));
        Assert.True(await _catalog.ExistsAsync("slow", Cancel));
    }

    [Fact]
    public async Task A_backup_whose_manifest_is_damaged_is_removed_by_its_id_with_force_only()
    {
        await AddAsync("good", 0);
        await _objects.PutAsync(ObjectPath.Parse("bad/manifest.json"), new MemoryStream([1, 2]), new PutOptions(), Cancel);
        RemovalOptions options = new() { Store = _store, BackupIds = ["bad"] };

        Assert.Equal(ErrorCode.BackupProtected, Assert.Single((await PlanAsync(options)).Refusals).Code);
        await RemoveAsync(options with { Force = true });
        Assert.Empty(await KeysAsync("bad"));
    }

    [Fact]
    public async Task What_is_not_there_is_told_and_what_is_read_is_left()
    {
        await AddAsync("a", 0);
        await AddAsync("b", 1);

        Assert.Equal(ErrorCode.BackupNotFound, Assert.Single((await PlanAsync(Named("a") with { Backups = null, BackupIds = ["nope"] })).Refusals).Code);
        RemovalPlan plan = await PlanAsync(Named("a"));
        await using BackupLease reader = await new BackupLeases(_objects, _log, TimeProvider.System).TakeAsync("a", LeasePurpose.Restore, Cancel);
        await AssertCodeAsync(ErrorCode.BackupInUse, () => new BackupRemover(_log).RemoveAsync(plan, plan.Backups[0], _ => { }, Cancel));
        Assert.True(await _catalog.ExistsAsync("a", Cancel));
    }

    [Fact]
    public async Task A_removal_that_names_nothing_or_keeps_nothing_is_a_mistake()
    {
        await Assert.ThrowsAsync<ArgumentException>(() => PlanAsync(new RemovalOptions { Store = _store }));
        await Assert.ThrowsAsync<ArgumentException>(() => PlanAsync(new RemovalOptions { Store = _store, Retention = new RetentionPolicy() }));
        await Assert.ThrowsAsync<ArgumentException>(() => PlanAsync(new RemovalOptions { Store = _store, OrphanAge = TimeSpan.FromSeconds(-1) }));
        await Assert.ThrowsAsync<ArgumentException>(() => PlanAsync(new RemovalOptions { Store = _store, BackupIds = ["../x"] }));
    }

    private RemovalOptions Named(params string[] ids) => new() { Store = _store, Backups = [.. ids.Select(id => TestManifests.Small(id) with { Store = _store })] };

    private async Task<BackupManifest> AddAsync(string id, int day, Func<BackupManifest, BackupManifest>? change = null)
    {
        BackupManifest manifest = TestManifests.Small(id, TestManifests.Created.AddDays(day), queues: 2);
        foreach (QueueEntry queue in manifest.Queues)
        {
            await _objects.PutAsync(ObjectPath.Parse($"{id}/{queue.Segments[0].Key}"), new MemoryStream([1, 2, 3]), new PutOptions(), Cancel);
        }

        return await _catalog.CommitAsync(change?.Invoke(manifest) ?? manifest, Cancel);
    }

    private Task<RemovalPlan> PlanAsync(RemovalOptions options) => new BackupRemover(_log).PlanAsync(options, Cancel);

    private async Task<List<BackupRemoval>> RemoveAsync(RemovalOptions options)
    {
        RemovalPlan plan = await PlanAsync(options);
        BackupRemover remover = new(_log);
        List<BackupRemoval> removed = [];
        foreach (BackupRemoval row in plan.Backups.Where(row => row.Decision == RemovalDecision.Remove))
        {
            removed.Add(await remover.RemoveAsync(plan, row, _ => { }, Cancel));
        }

        return removed;
    }

    private async Task<List<BackupManifest>> ListAsync()
    {
        List<BackupManifest> all = [];
        await foreach (BackupManifest backup in _catalog.ListAsync(new BackupQuery(), damage => throw damage, Cancel))
        {
            all.Add(backup);
        }

        return all;
    }

    private async Task<string[]> KeysAsync(string prefix)
    {
        List<string> keys = [];
        await foreach (ListEntry row in _objects.ListAsync(prefix, new ListOptions(), Cancel))
        {
            keys.Add(row.Key);
        }

        return [.. keys];
    }

    private static async Task AssertCodeAsync(ErrorCode code, Func<Task> call) => Assert.Equal(code, (await Assert.ThrowsAsync<RabbitBackupException>(call)).Code);
}
