namespace RabbitMqBackup.Engine.Storage;

/// <summary>
/// A read that goes on where it broke off. It does not ask whether the object is still the same: what a backup reads is never written again, and its hash is checked
/// by the reader; the few objects that do change are small.
/// </summary>
internal sealed class ResumingStream(IObjectStore store, ObjectPath path, ByteRange? range, RetryPolicy policy, TimeSpan readTimeout) : ReadOnlyStream
{
    private Stream? _inner;
    private long _read;

    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = await policy.RunAsync(_ => ReadOnceAsync(buffer, cancellationToken), cancellationToken).ConfigureAwait(false);
        _read += count;
        return count;
    }

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => _inner?.DisposeAsync() ?? ValueTask.CompletedTask;

    /// <summary>Opens the object, so that what is not there is told at once.</summary>
    internal Task OpenAsync(CancellationToken cancellationToken) => policy.RunAsync(async _ => _inner = await OpenOnceAsync(cancellationToken).ConfigureAwait(false), cancellationToken);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _inner?.Dispose();
        }
    }

    private Task<Stream> OpenOnceAsync(CancellationToken cancellationToken) =>
        store.OpenReadAsync(path, _read == 0 ? range : new ByteRange((range?.Offset ?? 0) + _read, range?.Length - _read), cancellationToken);

    private async Task<int> ReadOnceAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(readTimeout);
        try
        {
            _inner ??= await OpenOnceAsync(patience.Token).ConfigureAwait(false);
            return await _inner.ReadAsync(buffer, patience.Token).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (exception.IsTransient)
        {
            await CloseAsync().ConfigureAwait(false);
            throw;
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            await CloseAsync().ConfigureAwait(false);
            throw new RabbitBackupException(ErrorCode.StorageUnavailable, $"'{path}' sent nothing for {readTimeout.TotalSeconds} s.", exception)
            {
                Target = path.ToString(),
                IsTransient = true,
                Hint = "Look at the network between this machine and the store.",
            };
        }
    }

    private async ValueTask CloseAsync()
    {
        if (_inner is { } broken)
        {
            _inner = null;
            await broken.DisposeAsync().ConfigureAwait(false);
        }
    }
}
