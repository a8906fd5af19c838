using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>
/// Leases on the backups of a store, so that two processes on whatever machines don't make one backup, and nobody removes what another reads. They are objects below <c>_leases/{backup id}/</c>: <c>exclusive.json</c>,
/// created create-only, of the one who makes, receives or removes the backup, and <c>shared-….json</c> of each reader. Who takes a lease first writes its own and then looks at those of others, and gives way to them:
/// so of two that conflict at most one goes on. A lease whose holder is gone is told as such, and taken away only on request.
/// </summary>
/// <param name="store">The open store; not owned.</param>
/// <param name="log">Where trouble with leases is told.</param>
/// <param name="time">The clock.</param>
/// <param name="options">How to take and keep them; null for the defaults.</param>
internal sealed class BackupLeases(IObjectStore store, IEngineLog log, TimeProvider time, LeaseOptions? options = null)
{
    internal const string Folder = "_leases/";

    private readonly LeaseOptions _options = options ?? new LeaseOptions();

    /// <summary>Takes a lease. The caller disposes it before the store.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.BackupInUse"/> with the holder, or the store's.</exception>
    internal Task<BackupLease> TakeAsync(string backupId, LeasePurpose purpose, CancellationToken cancellationToken) =>
        purpose is LeasePurpose.Restore or LeasePurpose.CopySource or LeasePurpose.Base
            ? TakeSharedAsync(BackupId.Check(backupId), purpose, cancellationToken)
            : TakeExclusiveAsync(BackupId.Check(backupId), purpose, cancellationToken);

    private async Task<BackupLease> TakeExclusiveAsync(string backupId, LeasePurpose purpose, CancellationToken cancellationToken)
    {
        ObjectPath path = Exclusive(backupId);
        LeaseHolder self = LeaseHolder.Self(purpose, time);
        ObjectInfo own;
        while (true)
        {
            try
            {
                own = await CreateAsync(path, self.ToJson(), cancellationToken).ConfigureAwait(false);
                break;
            }
            catch (RabbitBackupException exception) when (exception.Code == ErrorCode.StorageConflict)
            {
                // Gone again when we look at it: the next attempt may succeed.
                if (await FoundLease.FindAsync(store, path, cancellationToken).ConfigureAwait(false) is { } other)
                {
                    await GiveWayAsync(backupId, other, cancellationToken).ConfigureAwait(false);
                }
            }
        }

        try
        {
            await foreach (ListEntry row in store.ListAsync($"{Folder}{backupId}/shared-", new ListOptions(), cancellationToken).ConfigureAwait(false))
            {
                if (await FoundLease.FindAsync(store, row.Object!.Path, cancellationToken).ConfigureAwait(false) is { } reader)
                {
                    await GiveWayAsync(backupId, reader, cancellationToken).ConfigureAwait(false);
                }
            }
        }
        catch
        {
            await DropAsync(own).ConfigureAwait(false);
            throw;
        }

        return new BackupLease(store, backupId, path, self, own.Version, _options, log, time);
    }

    private async Task<BackupLease> TakeSharedAsync(string backupId, LeasePurpose purpose, CancellationToken cancellationToken)
    {
        ObjectPath path = ObjectPath.Parse($"{Folder}{backupId}/shared-{Guid.NewGuid():n}.json");
        LeaseHolder self = LeaseHolder.Self(purpose, time);
        ObjectInfo own;
        try
        {
            own = await CreateAsync(path, self.ToJson(), cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.StorageAccessDenied)
        {
            // Rights to read are enough for reading.
            log.ReadingWithoutLease(backupId, exception.Message);
            return new BackupLease(store, backupId, null, self, "", _options, log, time);
        }

        try
        {
            // Who makes a backup is of no matter to its readers: they have its manifest, which is written last.
            if (await FoundLease.FindAsync(store, Exclusive(backupId), cancellationToken).ConfigureAwait(false) is { Holder: null or { Purpose: LeasePurpose.Removal } } other)
            {
                await GiveWayAsync(backupId, other, cancellationToken).ConfigureAwait(false);
            }
        }
        catch
        {
            await DropAsync(own).ConfigureAwait(false);
            throw;
        }

        return new BackupLease(store, backupId, path, self, own.Version, _options, log, time);
    }

    private static ObjectPath Exclusive(string backupId) => ObjectPath.Parse($"{Folder}{backupId}/exclusive.json");

    private Task<ObjectInfo> CreateAsync(ObjectPath path, byte[] content, CancellationToken cancellationToken) =>
        store.PutAsync(path, new MemoryStream(content), new PutOptions { CreateOnly = true }, cancellationToken);

    /// <summary>Throws for another's lease; or takes it away, if it is stale and that is asked for.</summary>
    private async Task GiveWayAsync(string backupId, FoundLease other, CancellationToken cancellationToken)
    {
        bool isStale = other.Holder?.HasEnded() == true
            || await StoreTimeAsync(backupId, cancellationToken).ConfigureAwait(false) - other.Object.LastModified > _options.StaleAfter;
        if (!isStale || !_options.BreakStale)
        {
            throw new RabbitBackupException(
                ErrorCode.BackupInUse,
                $"The backup '{backupId}' in '{store.DisplayUri}' is in use: {other.Holder?.ToString() ?? $"by a holder that can't be read ({other.Object.Path})"}.{(isStale ? " The holder is gone." : "")}")
            {
                Target = backupId,
                Hint = isStale ? "Make sure that it does not run any more, and use -BreakStaleLease." : "Wait until it has ended. Should it have been killed, its lease counts as stale after ten minutes.",
            };
        }

        try
        {
            await store.DeleteAsync(other.Object.Path, other.Object.Version, cancellationToken).ConfigureAwait(false);
            log.LeaseBroken(backupId, other.Holder?.ToString() ?? "unreadable");
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.StorageConflict)
        {
            // Renewed in the last moment.
            throw new RabbitBackupException(ErrorCode.BackupInUse, $"The backup '{backupId}' in '{store.DisplayUri}' is in use after all: its lease was renewed just now.", exception) { Target = backupId, Hint = "Wait until it is free." };
        }
    }

    /// <summary>The time by the clock that stamps the leases, whatever this machine's shows.</summary>
    private async Task<DateTimeOffset> StoreTimeAsync(string backupId, CancellationToken cancellationToken)
    {
        ObjectPath path = ObjectPath.Parse($"{Folder}{backupId}/clock-{Guid.NewGuid():n}");
        await CreateAsync(path, [], cancellationToken).ConfigureAwait(false);
        ObjectInfo? stamp = await store.HeadAsync(path, cancellationToken).ConfigureAwait(false);
        await store.DeleteAsync(path, null, cancellationToken).ConfigureAwait(false);
        return stamp?.LastModified ?? time.GetUtcNow();
    }

    /// <summary>Takes back a lease that was just written; what prevents it matters less than the error that led here.</summary>
    private async Task DropAsync(ObjectInfo own)
    {
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(10));
        try
        {
            await store.DeleteAsync(own.Path, null, patience.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is RabbitBackupException or OperationCanceledException)
        {
            log.LeaseNotReleased(own.Path.ToString(), exception.Message);
        }
    }
}
