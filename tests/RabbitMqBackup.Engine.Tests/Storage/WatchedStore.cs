using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Tests.Storage;

/// <summary>Tells what is done with a store, which it does not own, and may refuse it by throwing.</summary>
internal sealed class WatchedStore(IObjectStore inner) : IObjectStore
{
    internal Action<string>? OnPut { get; init; }

    internal Action<string>? OnRead { get; init; }

    /// <summary>Runs the opening of each read.</summary>
    internal Func<Func<Task<Stream>>, Task<Stream>> AroundRead { get; init; } = read => read();

    internal Action<string>? OnDelete { get; init; }

    public string DisplayUri => inner.DisplayUri;

    public StoreCapabilities Capabilities => inner.Capabilities;

    public Task<ObjectInfo> PutAsync(ObjectPath path, Stream content, PutOptions options, CancellationToken cancellationToken)
    {
        OnPut?.Invoke(path.ToString());
        return inner.PutAsync(path, content, options, cancellationToken);
    }

    public Task<Stream> OpenReadAsync(ObjectPath path, ByteRange? range, CancellationToken cancellationToken)
    {
        OnRead?.Invoke(path.ToString());
        return AroundRead(() => inner.OpenReadAsync(path, range, cancellationToken));
    }

    public Task<ObjectInfo?> HeadAsync(ObjectPath path, CancellationToken cancellationToken) => inner.HeadAsync(path, cancellationToken);

    public IAsyncEnumerable<ListEntry> ListAsync(string prefix, ListOptions options, CancellationToken cancellationToken) => inner.ListAsync(prefix, options, cancellationToken);

    public Task DeleteAsync(ObjectPath path, string? ifVersion, CancellationToken cancellationToken)
    {
        OnDelete?.Invoke(path.ToString());
        return inner.DeleteAsync(path, ifVersion, cancellationToken);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
