using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.Engine.Tests.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Catalog;

public sealed class BackupCopierTests
{
    private const string Segment = "b1/queues/_default/q1/segment-0002.zst";

    private readonly MemoryStore _there = new();
    private readonly RecordingLog _log = new();
    private readonly BackupStore _source;
    private readonly BackupStore _target;

    public BackupCopierTests()
    {
        MemoryStore here = new();
        _source = new BackupStore("memory:source", () => here);
        _target = new BackupStore("memory:target", () => _there);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_copy_is_the_backup_byte_for_byte_and_leaves_no_lease()
    {
        BackupManifest manifest = await StoredBackup.CreateAsync(_source, "b1");

        BackupManifest copy = await CopyAsync(manifest);

        Assert.Same(_target, copy.Store);
        Assert.Equal(manifest.TotalMessages, copy.TotalMessages);
        Dictionary<string, string> there = await StoredBackup.ContentAsync(_target, "");
        Assert.Equal(await StoredBackup.ContentAsync(_source, ""), there);
        Assert.Equal(6, there.Count);
    }

    [Fact]
    public async Task Damage_in_the_source_stops_at_the_copy()
    {
        BackupManifest manifest = await StoredBackup.CreateAsync(_source, "b1");
        await StoredBackup.DamageAsync(_source, Segment);

        RabbitBackupException error = await AssertCodeAsync(ErrorCode.SegmentCorrupt, () => CopyAsync(manifest));

        Assert.Equal(Segment, error.Target);
        Dictionary<string, string> there = await StoredBackup.ContentAsync(_target, "");
        Assert.DoesNotContain("b1/manifest.json", there.Keys);
        Assert.DoesNotContain(Segment, there.Keys);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(500)]
    [InlineData(2000)]
    public async Task An_object_of_another_length_is_damage(int length)
    {
        BackupManifest manifest = await StoredBackup.CreateAsync(_source, "b1");
        await using IObjectStore objects = _source.Open();
        await objects.PutAsync(ObjectPath.Parse(Segment), new MemoryStream(new byte[length]), new PutOptions(), Cancel);

        await AssertCodeAsync(ErrorCode.SegmentCorrupt, () => CopyAsync(manifest));
        Assert.DoesNotContain(Segment, (await StoredBackup.ContentAsync(_target, "")).Keys);
    }

    [Fact]
    public async Task A_segment_that_is_missing_is_told_by_name()
    {
        BackupManifest manifest = await StoredBackup.CreateAsync(_source, "b1");
        await using IObjectStore objects = _source.Open();
        await objects.DeleteAsync(ObjectPath.Parse(Segment), null, Cancel);

        Assert.Equal(Segment, (await AssertCodeAsync(ErrorCode.BackupIncomplete, () => CopyAsync(manifest))).Target);
    }

    [Fact]
    public async Task A_copy_that_broke_off_goes_on_with_what_is_missing()
    {
        BackupManifest manifest = await StoredBackup.CreateAsync(_source, "b1", queues: 4, segments: 5);
        int left = 9;
        BackupStore failing = new("memory:target", () => new WatchedStore(_there)
        {
            OnPut = path => _ = path.EndsWith(".zst", StringComparison.Ordinal) && Interlocked.Decrement(ref left) < 0 ? throw new RabbitBackupException(ErrorCode.StorageUnavailable, "gone") : 0,
        });
        await AssertCodeAsync(ErrorCode.StorageUnavailable, () => CopyAsync(manifest, failing));
        int stored = (await StoredBackup.ContentAsync(_target, "b1/")).Count;
        Assert.InRange(stored, 8, 10);

        List<string> put = [];
        BackupStore watched = new("memory:target", () => new WatchedStore(_there) { OnPut = path => { lock (put) { put.Add(path); } } });
        await CopyAsync(manifest, watched);

        Assert.Equal(22 - stored, put.Count(path => path.StartsWith("b1/", StringComparison.Ordinal)));
        Assert.Equal(await StoredBackup.ContentAsync(_source, ""), await StoredBackup.ContentAsync(_target, ""));
    }

    [Fact]
    public async Task What_somebody_else_has_put_there_is_neither_taken_nor_replaced()
    {
        BackupManifest manifest = await StoredBackup.CreateAsync(_source, "b1");
        await _there.PutAsync(ObjectPath.Parse(Segment), new MemoryStream([1, 2, 3]), new PutOptions(), Cancel);

        await AssertCodeAsync(ErrorCode.BackupExists, () => CopyAsync(manifest));

        Assert.Equal(3, (await _there.HeadAsync(ObjectPath.Parse(Segment), Cancel))!.Length);
    }

    [Fact]
    public async Task A_backup_that_is_there_is_given_as_it_is_and_another_of_its_name_is_an_error()
    {
        BackupManifest manifest = await StoredBackup.CreateAsync(_source, "b1");
        await CopyAsync(manifest);
        BackupStore watched = new("memory:target", () => new WatchedStore(_there) { OnPut = path => Assert.StartsWith("_leases/", path) });

        Assert.Equal("b1", (await CopyAsync(manifest, watched)).BackupId);

        MemoryStore other = new();
        BackupManifest namesake = await StoredBackup.CreateAsync(new BackupStore("memory:other", () => other), "b1");
        await AssertCodeAsync(ErrorCode.BackupExists, () => CopyAsync(namesake));
    }

    [Fact]
    public async Task A_backup_is_not_removed_while_it_is_copied()
    {
        BackupManifest manifest = await StoredBackup.CreateAsync(_source, "b1");
        await StoredBackup.CreateAsync(_source, "b2");
        RemovalPlan removal = await new BackupRemover(_log).PlanAsync(new RemovalOptions { Store = _source, Backups = [manifest] }, Cancel);
        Task? refused = null;
        BackupStore watched = new("memory:target", () => new WatchedStore(_there)
        {
            OnPut = path => refused ??= path.EndsWith(".zst", StringComparison.Ordinal) ? new BackupRemover(_log).RemoveAsync(removal, removal.Backups[0], _ => { }, Cancel) : null,
        });

        await CopyAsync(manifest, watched);

        await AssertCodeAsync(ErrorCode.BackupInUse, () => refused!);
        Assert.Equal(6, (await StoredBackup.ContentAsync(_source, "b1/")).Count);
    }

    [Fact]
    public async Task A_backup_that_is_based_on_another_needs_that_one_there()
    {
        await StoredBackup.CreateAsync(_source, "full");
        BackupManifest manifest = await StoredBackup.CreateAsync(_source, "inc", change: backup => backup with { BasedOn = "full" });

        RabbitBackupException error = await AssertCodeAsync(ErrorCode.BackupNotFound, () => CopyAsync(manifest));
        Assert.Contains("-Recurse", error.Hint);
        Assert.Empty(await StoredBackup.ContentAsync(_target, ""));

        await new BackupCopier(_log).CopyAsync(new CopyOptions { Backup = manifest, Destination = _target, Recurse = true }, _ => { }, Cancel);
        Assert.Equal(await StoredBackup.ContentAsync(_source, ""), await StoredBackup.ContentAsync(_target, ""));
    }

    [Fact]
    public async Task A_store_is_not_copied_onto_itself_and_an_unfinished_backup_not_at_all()
    {
        BackupManifest manifest = await StoredBackup.CreateAsync(_source, "b1");
        await Assert.ThrowsAsync<ArgumentException>(() => CopyAsync(manifest, _source));
        await using IObjectStore objects = _source.Open();
        await objects.DeleteAsync(ObjectPath.Parse("b1/manifest.json"), null, Cancel);

        await AssertCodeAsync(ErrorCode.BackupIncomplete, () => CopyAsync(manifest));
    }

    private Task<BackupManifest> CopyAsync(BackupManifest manifest, BackupStore? target = null) => new BackupCopier(_log).CopyAsync(new CopyOptions { Backup = manifest, Destination = target ?? _target }, _ => { }, Cancel);

    private static async Task<RabbitBackupException> AssertCodeAsync(ErrorCode code, Func<Task> call)
    {
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(call);
        Assert.Equal(code, error.Code);
        return error;
    }
}
