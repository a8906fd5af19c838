using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>
/// Copies backups from store to store. Every object is checked against the manifest while it passes, or after the store has copied it by itself; the manifest comes last, byte for byte. A copy that was
/// broken off goes on with what is missing: an object that is there already is read and checked, not sent again.
/// </summary>
/// <param name="log">Where log lines go; null for nowhere.</param>
/// <param name="time">The clock; null for the system's.</param>
public sealed class BackupCopier(IEngineLog? log = null, TimeProvider? time = null)
{
    private readonly IEngineLog _log = log ?? LogMessages.Silent.Instance;
    private readonly TimeProvider _time = time ?? TimeProvider.System;

    /// <summary>Copies a backup.</summary>
    /// <returns>The manifest in the other store; also where it was there already.</returns>
    /// <exception cref="ArgumentException">An option is out of its range, the manifest has no store, or both stores are one.</exception>
    /// <exception cref="RabbitBackupException">
    /// <see cref="ErrorCode.SegmentCorrupt"/>: the source is damaged; <see cref="ErrorCode.BackupExists"/>: another backup has this id there; <see cref="ErrorCode.BackupInUse"/>; <see cref="ErrorCode.BackupNotFound"/>; or a store's.
    /// There is no backup in the other store then; what was copied stays for the next attempt.
    /// </exception>
    public async Task<BackupManifest> CopyAsync(CopyOptions options, Action<OperationProgress> progress, CancellationToken cancellationToken)
    {
        BackupStore from = options.Backup.Store ?? throw new ArgumentException("The manifest has no store.", nameof(options));
        if (options.MaxConcurrentObjects is < 1 or > 32)
        {
            throw new ArgumentException("From 1 to 32 objects are copied at the same time.", nameof(options));
        }

        if (from.DisplayUri == options.Destination.DisplayUri)
        {
            throw new ArgumentException($"'{from}' is source and destination.", nameof(options));
        }

        await using BackupCatalog source = new(from);
        await using BackupCatalog target = new(options.Destination);
        BackupManifest manifest = await source.GetAsync(options.Backup.BackupId, cancellationToken).ConfigureAwait(false);
        if (manifest.BasedOn is { } basis && !await target.ExistsAsync(basis, cancellationToken).ConfigureAwait(false))
        {
            if (!options.Recurse)
            {
                throw new RabbitBackupException(ErrorCode.BackupNotFound, $"'{manifest.BackupId}' is based on '{basis}', which is not in '{options.Destination}'.") { Target = basis, Hint = "Copy that one first, or use -Recurse." };
            }

            await CopyAsync(options with { Backup = await source.GetAsync(basis, cancellationToken).ConfigureAwait(false) }, progress, cancellationToken).ConfigureAwait(false);
        }

        LeaseOptions leases = new() { BreakStale = options.BreakStaleLease };
        return await LeasedBackups.ReadAsync([(from, manifest.BackupId)], LeasePurpose.CopySource, leases, _log, _time, CopyLeasedAsync, cancellationToken).ConfigureAwait(false);

        async Task<BackupManifest> CopyLeasedAsync(CancellationToken token)
        {
            await using BackupLease lease = await new BackupLeases(target.Objects, _log, _time, leases).TakeAsync(manifest.BackupId, LeasePurpose.CopyTarget, token).ConfigureAwait(false);
            return await lease.RunAsync(both => new CopyRun(source, target, options, _log, _time, progress).RunAsync(both), token).ConfigureAwait(false);
        }
    }
}
