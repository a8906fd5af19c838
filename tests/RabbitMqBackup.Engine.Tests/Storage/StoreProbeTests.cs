using RabbitMqBackup.Engine.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Storage;

public sealed class StoreProbeTests
{
    private readonly MemoryStore _objects = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_store_that_does_all_passes_and_nothing_is_left()
    {
        BackupStore store = Store(_objects);

        IReadOnlyList<StoreProbeStep> steps = await StoreProbe.RunAsync(store, Cancel);

        Assert.Equal(["write", "read back", "create only", "replace by version", "write in parts", "list", "delete"], steps.Select(step => step.Name));
        Assert.All(steps, step => Assert.True(step.Passed, step.Message));
        Assert.Null(StoreProbe.Verdict(store, steps));
        await foreach (ListEntry row in _objects.ListAsync("", new ListOptions(), Cancel))
        {
            Assert.Fail(row.Key);
        }
    }

    [Fact]
    public async Task A_store_that_ignores_conditions_is_told_apart_by_what_follows_from_it()
    {
        BackupStore store = Store(new IgnorantStore(_objects));

        IReadOnlyList<StoreProbeStep> steps = await StoreProbe.RunAsync(store, Cancel);

        Assert.Equal(["create only", "replace by version", "write in parts"], steps.Where(step => !step.Passed).Select(step => step.Name));
        RabbitBackupException verdict = StoreProbe.Verdict(store, steps)!;
        Assert.Equal(ErrorCode.StorageUnavailable, verdict.Code);
        Assert.Contains("-S3Compatibility", verdict.Message);
    }

    [Fact]
    public async Task A_store_that_may_only_be_read_says_so_and_is_listed_all_the_same()
    {
        BackupStore store = Store(new RefusingStore(_objects));

        IReadOnlyList<StoreProbeStep> steps = await StoreProbe.RunAsync(store, Cancel);

        Assert.Equal([("write", false), ("list", true)], steps.Select(step => (step.Name, step.Passed)));
        Assert.Equal(ErrorCode.StorageAccessDenied, StoreProbe.Verdict(store, steps)!.Code);
    }

    [Fact]
    public async Task A_store_that_does_not_delete_can_take_backups()
    {
        BackupStore store = Store(new WatchedStore(_objects) { OnDelete = _ => throw new RabbitBackupException(ErrorCode.StorageAccessDenied, "no deleting here") });

        IReadOnlyList<StoreProbeStep> steps = await StoreProbe.RunAsync(store, Cancel);

        Assert.Contains("no deleting here", Assert.Single(steps, step => !step.Passed).Message);
        Assert.Null(StoreProbe.Verdict(store, steps));
    }

    private static BackupStore Store(IObjectStore objects) => new("memory:", () => objects);

    /// <summary>Takes every put, whatever its conditions, as some compatible servers do.</summary>
    private sealed class IgnorantStore(IObjectStore inner) : IObjectStore
    {
        public string DisplayUri => inner.DisplayUri;

        public StoreCapabilities Capabilities => inner.Capabilities;

        public Task<ObjectInfo> PutAsync(ObjectPath path, Stream content, PutOptions options, CancellationToken cancellationToken) => inner.PutAsync(path, content, new PutOptions(), cancellationToken);

        public Task<Stream> OpenReadAsync(ObjectPath path, ByteRange? range, CancellationToken cancellationToken) => inner.OpenReadAsync(path, range, cancellationToken);

        public Task<ObjectInfo?> HeadAsync(ObjectPath path, CancellationToken cancellationToken) => inner.HeadAsync(path, cancellationToken);

        public IAsyncEnumerable<ListEntry> ListAsync(string prefix, ListOptions options, CancellationToken cancellationToken) => inner.ListAsync(prefix, options, cancellationToken);

        public Task DeleteAsync(ObjectPath path, string? ifVersion, CancellationToken cancellationToken) => inner.DeleteAsync(path, ifVersion, cancellationToken);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
