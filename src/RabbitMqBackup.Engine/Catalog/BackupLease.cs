using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>A lease that this process holds on a backup. It gives signs of life until it is disposed of, and tells when somebody took it away.</summary>
internal sealed class BackupLease : IAsyncDisposable
{
    private static readonly TimeSpan ReleasePatience = TimeSpan.FromSeconds(4);

    private readonly IObjectStore _store;
    private readonly string _backupId;
    private readonly ObjectPath? _path;
    private readonly LeaseOptions _options;
    private readonly IEngineLog _log;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _lost = new();
    private readonly CancellationTokenSource _end = new();
    private readonly Task _renewing;
    private LeaseHolder _self;
    private string _version;

    /// <param name="store">Where it lies; not owned.</param>
    /// <param name="backupId">The backup.</param>
    /// <param name="path">Its object, or null where the store can't be written to and there is none.</param>
    /// <param name="self">What stands in it.</param>
    /// <param name="version">Its version.</param>
    /// <param name="options">How often to renew it.</param>
    /// <param name="log">Where trouble with it is told.</param>
    /// <param name="time">The clock.</param>
    internal BackupLease(IObjectStore store, string backupId, ObjectPath? path, LeaseHolder self, string version, LeaseOptions options, IEngineLog log, TimeProvider time)
    {
        (_store, _backupId, _path, _self, _version, _options, _log, _time) = (store, backupId, path, self, version, options, log, time);
        _renewing = path is null ? Task.CompletedTask : Task.Run(RenewAsync);
    }

    /// <summary>Cancelled when the lease is no longer ours.</summary>
    internal CancellationToken Lost => _lost.Token;

    /// <summary>Does something that ends when the lease is lost.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.BackupInUse"/>: somebody took the lease away meanwhile.</exception>
    internal async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Lost);
        try
        {
            return await work(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException exception) when (Lost.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new RabbitBackupException(ErrorCode.BackupInUse, $"Somebody took away this process's lease on the backup '{_backupId}', or the store could not be reached for {_options.StaleAfter}.", exception)
            {
                Target = _backupId,
                Hint = "See who works with this backup, and run the command again.",
            };
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync().ConfigureAwait(false);
        await _renewing.ConfigureAwait(false);
        if (_path is { } path && !Lost.IsCancellationRequested)
        {
            using CancellationTokenSource patience = new(ReleasePatience);
            try
            {
                await DeleteAsync(path, patience.Token).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is RabbitBackupException or OperationCanceledException)
            {
                _log.LeaseNotReleased(_backupId, exception.Message);
            }
        }

        _end.Dispose();
        _lost.Dispose();
    }

    private async Task DeleteAsync(ObjectPath path, CancellationToken cancellationToken)
    {
        try
        {
            await _store.DeleteAsync(path, _version, cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.StorageConflict)
        {
            // The last renewal was cut short, and has worked all the same.
            if (await FindOwnVersionAsync(cancellationToken).ConfigureAwait(false) is { } version)
            {
                await _store.DeleteAsync(path, version, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>The version that the lease has now, or null where it is no longer ours.</summary>
    private async Task<string?> FindOwnVersionAsync(CancellationToken cancellationToken) =>
        await FoundLease.FindAsync(_store, _path!.Value, cancellationToken).ConfigureAwait(false) is { } found && found.Holder?.LeaseId == _self.LeaseId ? found.Object.Version : null;

    private async Task RenewAsync()
    {
        long lastSign = _time.GetTimestamp();
        try
        {
            while (true)
            {
                await Task.Delay(_options.RenewEvery, _time, _end.Token).ConfigureAwait(false);
                try
                {
                    await RenewOnceAsync().ConfigureAwait(false);
                    lastSign = _time.GetTimestamp();
                }
                catch (RabbitBackupException exception) when (exception.Code == ErrorCode.StorageAccessDenied)
                {
                    // A store that lets nothing be rewritten. The backup must not fail for that; others see the age of the lease and may ask to break it.
                    _log.LeaseNotRenewed(_backupId, exception.Message);
                    return;
                }
                catch (RabbitBackupException exception)
                {
                    _log.LeaseNotRenewed(_backupId, exception.Message);
                    if (exception.Code is ErrorCode.StorageConflict or ErrorCode.ObjectNotFound || _time.GetElapsedTime(lastSign) > _options.StaleAfter)
                    {
                        await _lost.CancelAsync().ConfigureAwait(false);
                        return;
                    }
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Released.
        }
    }

    private async Task RenewOnceAsync()
    {
        LeaseHolder renewed = _self with { RenewedAt = _time.GetUtcNow() };
        try
        {
            _version = await PutAsync(_version).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.StorageConflict)
        {
            // An earlier attempt may have worked without our seeing its answer.
            if (await FindOwnVersionAsync(_end.Token).ConfigureAwait(false) is not { } version)
            {
                throw;
            }

            _version = await PutAsync(version).ConfigureAwait(false);
        }

        _self = renewed;

        async Task<string> PutAsync(string version) =>
            (await _store.PutAsync(_path!.Value, new MemoryStream(renewed.ToJson()), new PutOptions { IfVersion = version }, _end.Token).ConfigureAwait(false)).Version;
    }
}
