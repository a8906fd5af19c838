using System.Runtime.CompilerServices;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>
/// Repeats what a store failed to do, where that may pass: head and delete as they are, a listing after its last row, a read at the byte that it had come to, a put if its content can be
/// rewound. The parts of a big upload are repeated by the adapter that holds them, with the same policy.
/// </summary>
/// <param name="inner">The store, which this one owns.</param>
/// <param name="policy">How often and how long.</param>
/// <param name="readTimeout">The longest silence in the middle of a read.</param>
internal sealed class RetryingStore(IObjectStore inner, RetryPolicy policy, TimeSpan readTimeout) : IObjectStore, IServerSideCopy
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
        if (!content.CanSeek)
        {
            return inner.PutAsync(path, content, options, cancellationToken);
        }

        long start = content.Position;
        return policy.RunAsync(
            _ =>
            {
                content.Position = start;
                return inner.PutAsync(path, content, options, cancellationToken);
            },
            cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<Stream> OpenReadAsync(ObjectPath path, ByteRange? range, CancellationToken cancellationToken)
    {
        ResumingStream stream = new(inner, path, range, policy, readTimeout);
        await stream.OpenAsync(cancellationToken).ConfigureAwait(false);
        return stream;
    }

    /// <inheritdoc/>
    public Task<ObjectInfo?> HeadAsync(ObjectPath path, CancellationToken cancellationToken) =>
        policy.RunAsync(_ => inner.HeadAsync(path, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public async IAsyncEnumerable<ListEntry> ListAsync(string prefix, ListOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ListOptions rest = options;
        IAsyncEnumerator<ListEntry>? rows = null;
        try
        {
            while (true)
            {
                bool found = await policy.RunAsync(NextAsync, cancellationToken).ConfigureAwait(false);
                if (!found)
                {
                    yield break;
                }

                ListEntry row = rows!.Current;
                rest = rest with { StartAfter = row.Key };
                yield return row;
            }
        }
        finally
        {
            await CloseAsync().ConfigureAwait(false);
        }

        async Task<bool> NextAsync(int attempt)
        {
            if (attempt > 1)
            {
                await CloseAsync().ConfigureAwait(false);
            }

            rows ??= inner.ListAsync(prefix, rest, cancellationToken).GetAsyncEnumerator(cancellationToken);
            return await rows.MoveNextAsync().ConfigureAwait(false);
        }

        async ValueTask CloseAsync()
        {
            if (rows is not null)
            {
                await rows.DisposeAsync().ConfigureAwait(false);
                rows = null;
            }
        }
    }

    /// <inheritdoc/>
    public Task DeleteAsync(ObjectPath path, string? ifVersion, CancellationToken cancellationToken) =>
        policy.RunAsync(_ => inner.DeleteAsync(path, ifVersion, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<ServerCopy?> TryCopyAsync(IObjectStore source, ObjectPath from, ObjectPath to, PutOptions options, CancellationToken cancellationToken) =>
        inner is IServerSideCopy server ? policy.RunAsync(_ => server.TryCopyAsync(source, from, to, options, cancellationToken), cancellationToken) : Task.FromResult<ServerCopy?>(null);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
