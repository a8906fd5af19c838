namespace RabbitMqBackup.Engine.Storage;

/// <summary>Moves at most so many bytes a second into and out of a store, over all its objects together. Whoever produces the content is slowed down with it.</summary>
/// <param name="inner">The store, which this one owns.</param>
/// <param name="limiter">The rate.</param>
internal sealed class RateLimitedStore(IObjectStore inner, RateLimiter limiter) : IObjectStore, IServerSideCopy
{
    /// <summary>The store below.</summary>
    internal IObjectStore Inner => inner;

    /// <inheritdoc/>
    public string DisplayUri => inner.DisplayUri;

    /// <inheritdoc/>
    public StoreCapabilities Capabilities => inner.Capabilities;

    /// <inheritdoc/>
    public Task<ObjectInfo> PutAsync(ObjectPath path, Stream content, PutOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(content);
        return inner.PutAsync(path, new RateLimitedStream(content, limiter), options, cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<Stream> OpenReadAsync(ObjectPath path, ByteRange? range, CancellationToken cancellationToken) =>
        new RateLimitedStream(await inner.OpenReadAsync(path, range, cancellationToken).ConfigureAwait(false), limiter);

    /// <inheritdoc/>
    public Task<ObjectInfo?> HeadAsync(ObjectPath path, CancellationToken cancellationToken) => inner.HeadAsync(path, cancellationToken);

    /// <inheritdoc/>
    public IAsyncEnumerable<ListEntry> ListAsync(string prefix, ListOptions options, CancellationToken cancellationToken) => inner.ListAsync(prefix, options, cancellationToken);

    /// <inheritdoc/>
    public Task DeleteAsync(ObjectPath path, string? ifVersion, CancellationToken cancellationToken) => inner.DeleteAsync(path, ifVersion, cancellationToken);

    /// <inheritdoc/>
    public Task<ServerCopy?> TryCopyAsync(IObjectStore source, ObjectPath from, ObjectPath to, PutOptions options, CancellationToken cancellationToken) =>
        inner is IServerSideCopy server ? server.TryCopyAsync(source, from, to, options, cancellationToken) : Task.FromResult<ServerCopy?>(null);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
