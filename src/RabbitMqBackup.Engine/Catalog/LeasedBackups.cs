using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>Reads from backups while holding a lease on each, so that nobody removes them meanwhile.</summary>
internal static class LeasedBackups
{
    /// <summary>Takes the leases, does the work, gives the leases back.</summary>
    /// <param name="backups">The backups, maybe of several stores; each is held once.</param>
    /// <param name="purpose">Of a reader.</param>
    /// <param name="options">How to take the leases.</param>
    /// <param name="log">Where trouble with leases is told.</param>
    /// <param name="time">The clock.</param>
    /// <param name="work">The work; its token is cancelled when a lease is lost.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.BackupInUse"/>.</exception>
    internal static async Task<T> ReadAsync<T>(
        IEnumerable<(BackupStore Store, string BackupId)> backups, LeasePurpose purpose, LeaseOptions options, IEngineLog log, TimeProvider time, Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        Stack<IAsyncDisposable> open = new();
        try
        {
            Func<CancellationToken, Task<T>> leased = work;
            foreach ((BackupStore store, string backupId) in backups.DistinctBy(backup => (backup.Store.DisplayUri, backup.BackupId)))
            {
                IObjectStore objects = store.Open();
                open.Push(objects);
                BackupLease lease = await new BackupLeases(objects, log, time, options).TakeAsync(backupId, purpose, cancellationToken).ConfigureAwait(false);
                open.Push(lease);
                Func<CancellationToken, Task<T>> inner = leased;
                leased = token => lease.RunAsync(inner, token);
            }

            return await leased(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            while (open.TryPop(out IAsyncDisposable? last))
            {
                await last.DisposeAsync().ConfigureAwait(false);
            }
        }
    }
}
