using System.Text;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Catalog;

public sealed class BackupCatalogTests : IAsyncDisposable
{
    private readonly MemoryStore _objects = new();
    private readonly BackupStore _store;
    private readonly BackupCatalog _catalog;
    private readonly List<RabbitBackupException> _damaged = [];

    public BackupCatalogTests()
    {
        _store = new BackupStore("memory:", () => _objects);
        _catalog = new BackupCatalog(_store);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _catalog.DisposeAsync();

    [Fact]
    public async Task A_committed_backup_is_listed_and_carries_its_store()
    {
        BackupManifest committed = await _catalog.CommitAsync(TestManifests.Full(), Cancel);

        Assert.Same(_store, committed.Store);
        BackupManifest listed = Assert.Single(await ListAsync(new BackupQuery()));
        Assert.Same(_store, listed.Store);
        Assert.Equivalent(TestManifests.Full() with { Store = _store }, listed, strict: true);
        Assert.True(await _catalog.ExistsAsync("b1", Cancel));
        Assert.False(await _catalog.ExistsAsync("b2", Cancel));
        Assert.Equal("b1", (await _catalog.GetAsync("b1", Cancel)).BackupId);
    }

    [Fact]
    public async Task A_backup_is_committed_once()
    {
        await _catalog.CommitAsync(TestManifests.Small(), Cancel);

        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => _catalog.CommitAsync(TestManifests.Small(queues: 2), Cancel));

        Assert.Equal(ErrorCode.BackupExists, error.Code);
        Assert.Equal("b1", error.Target);
        Assert.Single((await _catalog.GetAsync("b1", Cancel)).Queues);
    }

    [Fact]
    public async Task Backups_are_listed_newest_last_whatever_their_ids()
    {
        foreach ((string id, int day) in new[] { ("c", 1), ("a", 3), ("b", 2), ("z", 0) })
        {
            await _catalog.CommitAsync(TestManifests.Small(id, TestManifests.Created.AddDays(day)), Cancel);
        }

        Assert.Equal(["z", "c", "b", "a"], await IdsAsync(new BackupQuery()));
        Assert.Equal(["a"], await IdsAsync(new BackupQuery { LatestOnly = true }));
        Assert.Equal(["b"], await IdsAsync(new BackupQuery { LatestOnly = true, Before = TestManifests.Created.AddDays(3) }));
        Assert.Equal(["c", "b"], await IdsAsync(new BackupQuery { After = TestManifests.Created.AddDays(1), Before = TestManifests.Created.AddDays(3) }));
        Assert.Empty(await IdsAsync(new BackupQuery { LatestOnly = true, After = TestManifests.Created.AddDays(4) }));
    }

    [Theory]
    [InlineData("nightly-*", "nightly-1", "nightly-2")]
    [InlineData("NIGHTLY-?", "nightly-1", "nightly-2")]
    [InlineData("nightly-1", "nightly-1")]
    [InlineData("*", "nightly-1", "nightly-2", "weekly")]
    [InlineData("none")]
    public async Task Ids_are_found_by_wildcard(string pattern, params string[] expected)
    {
        foreach (string id in new[] { "nightly-1", "nightly-2", "weekly" })
        {
            await _catalog.CommitAsync(TestManifests.Small(id), Cancel);
        }

        Assert.Equal(expected, await IdsAsync(new BackupQuery { BackupIds = [pattern] }));
    }

    [Fact]
    public async Task A_folder_without_a_manifest_is_in_progress_and_shown_on_request_only()
    {
        await _catalog.CommitAsync(TestManifests.Small(), Cancel);
        await _catalog.PutSegmentAsync("running", "queues/_default/q/segment-0001.zst", new MemoryStream([1]), null, Cancel);

        Assert.Equal(["b1"], await IdsAsync(new BackupQuery()));
        List<BackupManifest> all = await ListAsync(new BackupQuery { IncludeIncomplete = true });
        Assert.Equal(["b1", "running"], all.Select(manifest => manifest.BackupId).Order());
        BackupManifest running = all.Single(manifest => manifest.BackupId == "running");
        Assert.Equal(BackupStatus.InProgress, running.Status);
        Assert.InRange(running.CreatedAt, DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow.AddMinutes(1));
        Assert.Null(running.CompletedAt);
        Assert.Equal(ErrorCode.BackupIncomplete, (await Assert.ThrowsAsync<RabbitBackupException>(() => _catalog.GetAsync("running", Cancel))).Code);
        Assert.Equal(ErrorCode.BackupNotFound, (await Assert.ThrowsAsync<RabbitBackupException>(() => _catalog.GetAsync("nothing", Cancel))).Code);
        await Assert.ThrowsAsync<ArgumentException>(() => _catalog.GetAsync("../x", Cancel));
    }

    [Fact]
    public async Task A_damaged_manifest_is_reported_and_hides_no_other()
    {
        foreach (string id in new[] { "a", "b", "c" })
        {
            await _catalog.CommitAsync(TestManifests.Small(id), Cancel);
        }

        await PutAsync("b/manifest.json", "{}");
        await PutAsync("moved/manifest.json", Encoding.UTF8.GetString(ManifestJson.Write(TestManifests.Small("other"))));
        await PutAsync("new/manifest.json", "{\"format_version\":\"2.0\"}");
        await PutAsync("_own/x", "the catalog's own folder");
        await PutAsync("file", "no folder");

        Assert.Equal(["a", "c"], await IdsAsync(new BackupQuery { IncludeIncomplete = true }));
        Assert.Equal(
            [("b/manifest.json", ErrorCode.BackupIncomplete), ("moved/manifest.json", ErrorCode.BackupIncomplete), ("new/manifest.json", ErrorCode.FormatTooNew)],
            _damaged.Select(error => (error.Target!, error.Code)).Order());
    }

    [Fact]
    public async Task Listing_reads_manifests_only_and_eight_at_a_time()
    {
        for (int i = 0; i < 50; i++)
        {
            await _catalog.CommitAsync(TestManifests.Small($"b{i:00}", TestManifests.Created.AddHours(i), queues: 20), Cancel);
            await _catalog.PutSegmentAsync($"b{i:00}", "queues/_default/q0/segment-0001.zst", new MemoryStream([1]), null, Cancel);
        }

        CountingStore counting = new(_objects);
        await using BackupCatalog catalog = new(new BackupStore("memory:", () => counting));
        List<BackupManifest> found = [];
        await foreach (BackupManifest manifest in catalog.ListAsync(new BackupQuery(), Assert.Null, Cancel))
        {
            found.Add(manifest);
        }

        Assert.Equal(Enumerable.Range(0, 50).Select(i => $"b{i:00}"), found.Select(manifest => manifest.BackupId));
        Assert.Equal(Enumerable.Range(0, 50).Select(i => $"b{i:00}/manifest.json"), counting.Read.Order());
        // The backups, and the pins.
        Assert.Equal(2, counting.Listings);
        Assert.InRange(counting.MostAtOnce, 2, 8);
    }

    [Fact]
    public async Task A_store_that_fails_ends_the_listing_with_its_error()
    {
        await _catalog.CommitAsync(TestManifests.Small(), Cancel);
        CountingStore failing = new(_objects) { Failure = new RabbitBackupException(ErrorCode.StorageUnavailable, "down") };
        await using BackupCatalog catalog = new(new BackupStore("memory:", () => failing));

        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(async () =>
        {
            await foreach (BackupManifest manifest in catalog.ListAsync(new BackupQuery(), _damaged.Add, Cancel))
            {
                Assert.Fail(manifest.BackupId);
            }
        });

        Assert.Equal(ErrorCode.StorageUnavailable, error.Code);
        Assert.Empty(_damaged);
    }

    [Fact]
    public async Task Segments_are_stored_once_and_read_back()
    {
        SegmentEntry entry = TestManifests.Small().Queues[0].Segments[0];
        await _catalog.PutSegmentAsync("b1", entry.Key, new MemoryStream([1, 2, 3]), null, Cancel);

        await using Stream stream = await _catalog.OpenSegmentAsync("b1", entry, Cancel);
        Assert.Equal(1, stream.ReadByte());
        Assert.Equal(ErrorCode.StorageConflict, (await Assert.ThrowsAsync<RabbitBackupException>(() => _catalog.PutSegmentAsync("b1", entry.Key, new MemoryStream(), null, Cancel))).Code);
        RabbitBackupException missing = await Assert.ThrowsAsync<RabbitBackupException>(() => _catalog.OpenSegmentAsync("b2", entry, Cancel));
        Assert.Equal(ErrorCode.BackupIncomplete, missing.Code);
        Assert.Equal($"b2/{entry.Key}", missing.Target);
    }

    [Fact]
    public async Task Definitions_come_back_and_are_checked()
    {
        byte[] json = Encoding.UTF8.GetBytes("{\"queues\":[" + string.Join(',', Enumerable.Repeat("{\"name\":\"é\"}", 1000)) + "]}");
        DefinitionsEntry entry = await _catalog.PutDefinitionsAsync("b1", json, Cancel);
        BackupManifest manifest = TestManifests.Small() with { Definitions = entry };

        Assert.Equal("definitions/definitions.json.zst", entry.Key);
        Assert.InRange(entry.StoredBytes, 1, json.Length / 2);
        Assert.Equal(json, await _catalog.GetDefinitionsAsync(manifest, Cancel));
        Assert.Null(await _catalog.GetDefinitionsAsync(TestManifests.Small(), Cancel));

        await AssertDamagedAsync(manifest with { Definitions = entry with { StoredBytes = entry.StoredBytes - 1 } });
        await AssertDamagedAsync(manifest with { Definitions = entry with { StoredBytes = long.MaxValue } });
        await AssertDamagedAsync(manifest with { Definitions = entry with { Sha256 = TestManifests.Hash } });
        await AssertDamagedAsync(manifest with { BackupId = "b2" });
    }

    [Fact]
    public async Task Definitions_that_are_no_zstd_are_refused_though_their_hash_is_right()
    {
        byte[] bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        await _objects.PutAsync(ObjectPath.Parse("b1/definitions/definitions.json.zst"), new MemoryStream(bytes), new PutOptions(), Cancel);
        DefinitionsEntry entry = new("definitions/definitions.json.zst", 8, Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(bytes)).ToLowerInvariant());

        await AssertDamagedAsync(TestManifests.Small() with { Definitions = entry });
    }

    private async Task AssertDamagedAsync(BackupManifest manifest)
    {
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => _catalog.GetDefinitionsAsync(manifest, Cancel));
        Assert.Equal(ErrorCode.BackupIncomplete, error.Code);
        Assert.Contains("definitions.json.zst", error.Target);
    }

    private async Task<List<BackupManifest>> ListAsync(BackupQuery query)
    {
        List<BackupManifest> found = [];
        await foreach (BackupManifest manifest in _catalog.ListAsync(query, _damaged.Add, Cancel))
        {
            found.Add(manifest);
        }

        return found;
    }

    private async Task<IEnumerable<string>> IdsAsync(BackupQuery query) => (await ListAsync(query)).Select(manifest => manifest.BackupId);

    private Task<ObjectInfo> PutAsync(string path, string text) => _objects.PutAsync(ObjectPath.Parse(path), new MemoryStream(Encoding.UTF8.GetBytes(text)), new PutOptions(), Cancel);

    /// <summary>Counts what a listing does to the store below.</summary>
    private sealed class CountingStore(IObjectStore inner) : IObjectStore
    {
        private int _now;

        internal List<string> Read { get; } = [];

        internal int Listings { get; private set; }

        internal int MostAtOnce { get; private set; }

        internal RabbitBackupException? Failure { get; init; }

        public string DisplayUri => inner.DisplayUri;

        public StoreCapabilities Capabilities => inner.Capabilities;

        public Task<ObjectInfo> PutAsync(ObjectPath path, Stream content, PutOptions options, CancellationToken cancellationToken) => throw new NotSupportedException();

        public async Task<Stream> OpenReadAsync(ObjectPath path, ByteRange? range, CancellationToken cancellationToken)
        {
            lock (Read)
            {
                Read.Add(path.ToString());
                MostAtOnce = Math.Max(MostAtOnce, ++_now);
            }

            await Task.Delay(10, cancellationToken);
            lock (Read)
            {
                _now--;
            }

            return Failure is null ? await inner.OpenReadAsync(path, range, cancellationToken) : throw Failure;
        }

        public Task<ObjectInfo?> HeadAsync(ObjectPath path, CancellationToken cancellationToken) => throw new NotSupportedException();

        public IAsyncEnumerable<ListEntry> ListAsync(string prefix, ListOptions options, CancellationToken cancellationToken)
        {
            Listings++;
            return inner.ListAsync(prefix, options, cancellationToken);
        }

        public Task DeleteAsync(ObjectPath path, string? ifVersion, CancellationToken cancellationToken) => throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
