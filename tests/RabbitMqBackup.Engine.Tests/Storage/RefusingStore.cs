using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Tests.Storage;

/// <summary>A store on which this user may only read and list.</summary>
internal sealed class RefusingStore(IObjectStore inner) : IObjectStore
{
    public string DisplayUri => inner.DisplayUri;

    public StoreCapabilities Capabilities => inner.Capabilities;

    public Task<ObjectInfo> PutAsync(ObjectPath path, Stream content, PutOptions options, CancellationToken cancellationToken) => throw Refusal(path);

    public Task<Stream> OpenReadAsync(ObjectPath path, ByteRange? range, CancellationToken cancellationToken) => inner.OpenReadAsync(path, range, cancellationToken);

    public Task<ObjectInfo?> HeadAsync(ObjectPath path, CancellationToken cancellationToken) => inner.HeadAsync(path, cancellationToken);

    public IAsyncEnumerable<ListEntry> ListAsync(string prefix, ListOptions options, CancellationToken cancellationToken) => inner.ListAsync(prefix, options, cancellationToken);

    public Task DeleteAsync(ObjectPath path, string? ifVersion, CancellationToken cancellationToken) => throw Refusal(path);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static RabbitBackupException Refusal(ObjectPath path) => new(ErrorCode.StorageAccessDenied, $"'{path}' is refused.");
}
