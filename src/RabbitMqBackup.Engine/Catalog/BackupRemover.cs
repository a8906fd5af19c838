using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>Removes backups: plan first, then one after the other, in the order of the plan and by one object of this class, since what others are based on is removed only after them. The manifest goes first: whatever happens then, nothing looks like a backup that isn't one.</summary>
/// <param name="log">Where log lines go; null for nowhere.</param>
/// <param name="time">The clock; null for the system's.</param>
public sealed class BackupRemover(IEngineLog? log = null, TimeProvider? time = null)
{
    private const int DeletesAtOnce = 8;

    private readonly HashSet<string> _removed = new(StringComparer.Ordinal);
    private readonly IEngineLog _log = log ?? LogMessages.Silent.Instance;
    private readonly TimeProvider _time = time ?? TimeProvider.System;

    /// <summary>Looks at the store, and decides. Changes nothing.</summary>
    /// <exception cref="ArgumentException">An option is out of its range, or nothing is named.</exception>
    /// <exception cref="RabbitBackupException">The store can't be read.</exception>
    public async Task<RemovalPlan> PlanAsync(RemovalOptions options, CancellationToken cancellationToken)
    {
        options.Retention?.Check();
        if (options.Backups is null && options.BackupIds.Count == 0 && options.Retention is null && options.OrphanAge is null)
        {
            throw new ArgumentException("Nothing says what to remove: pipe backups in, name them, or give a retention or an age of unfinished ones.", nameof(options));
        }

        if (options.OrphanAge < TimeSpan.Zero)
        {
            throw new ArgumentException("The age of unfinished backups can't be negative.", nameof(options));
        }

        foreach (string id in options.BackupIds)
        {
            BackupId.Check(id);
        }

        await using BackupCatalog catalog = new(options.Store);
        return await new RemovalPlanner(catalog, options, _time).PlanAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Removes one backup of a plan.</summary>
    /// <returns>What was deleted.</returns>
    /// <exception cref="RabbitBackupException">
    /// <see cref="ErrorCode.BackupInUse"/>: somebody makes, restores or copies it; <see cref="ErrorCode.BackupProtected"/>: pinned meanwhile; or the store's. What was deleted before stays deleted.
    /// </exception>
    public async Task<BackupRemoval> RemoveAsync(RemovalPlan plan, BackupRemoval backup, Action<OperationProgress> progress, CancellationToken cancellationToken)
    {
        if (backup.Decision != RemovalDecision.Remove)
        {
            throw new ArgumentException($"The plan does not remove '{backup.BackupId}'.", nameof(backup));
        }

        // It may have been refused by a person, or have failed.
        if (backup.NeededBy.FirstOrDefault(id => !_removed.Contains($"{backup.Store}/{id}")) is { } dependent)
        {
            throw new RabbitBackupException(ErrorCode.BackupProtected, $"The backup '{backup.BackupId}' is not removed: '{dependent}', which is based on it, was not.") { Target = backup.BackupId, Hint = "Remove that one first." };
        }

        await using BackupCatalog catalog = new(plan.Options.Store);

        // Remains of a run that was killed have its lease as well; their age was asked for.
        LeaseOptions options = new() { BreakStale = plan.Options.BreakStaleLease || (backup.IsOrphan && plan.Options.OrphanAge is not null) };
        await using BackupLease lease = await new BackupLeases(catalog.Objects, _log, _time, options).TakeAsync(backup.BackupId, LeasePurpose.Removal, cancellationToken).ConfigureAwait(false);
        await CheckAgainAsync(catalog, backup, cancellationToken).ConfigureAwait(false);
        BackupRemoval done = await lease.RunAsync(token => DeleteAsync(catalog, backup, progress, token), cancellationToken).ConfigureAwait(false);
        _removed.Add($"{backup.Store}/{backup.BackupId}");
        return done;
    }

    /// <summary>What may have changed between the plan, or the question to a person, and the lease.</summary>
    private async Task CheckAgainAsync(BackupCatalog catalog, BackupRemoval backup, CancellationToken cancellationToken)
    {
        if (await new BackupPins(catalog.Objects, _time).IsPinnedAsync(backup.BackupId, cancellationToken).ConfigureAwait(false))
        {
            throw new RabbitBackupException(ErrorCode.BackupProtected, $"The backup '{backup.BackupId}' is not removed: it has been pinned.") { Target = backup.BackupId, Hint = "Unpin it first: Set-RabbitBackup -Unpin." };
        }

        if (backup.IsOrphan && await catalog.ExistsAsync(backup.BackupId, cancellationToken).ConfigureAwait(false))
        {
            throw new RabbitBackupException(ErrorCode.BackupProtected, $"The backup '{backup.BackupId}' is not removed: it has come to its end meanwhile.") { Target = backup.BackupId, Hint = "Look at it with Get-RabbitBackup, and remove it by name if you want." };
        }
    }

    private async Task<BackupRemoval> DeleteAsync(BackupCatalog catalog, BackupRemoval backup, Action<OperationProgress> progress, CancellationToken cancellationToken)
    {
        // Listed as a whole before: a listing that is read while its rows vanish is each store's own matter.
        List<ObjectInfo> objects = [];
        await foreach (ListEntry row in catalog.Objects.ListAsync($"{backup.BackupId}/", new ListOptions(), cancellationToken).ConfigureAwait(false))
        {
            objects.Add(row.Object!);
        }

        ObjectPath manifest = BackupCatalog.ManifestPath(backup.BackupId);
        await catalog.Objects.DeleteAsync(manifest, null, cancellationToken).ConfigureAwait(false);
        ProgressMeter meter = new("Removing", objects.Count, 0, _time, progress) { Unit = "objects" };
        ParallelOptions parallel = new() { MaxDegreeOfParallelism = DeletesAtOnce, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(objects.Where(item => item.Path != manifest), parallel, async (item, token) =>
        {
            await catalog.Objects.DeleteAsync(item.Path, null, token).ConfigureAwait(false);
            meter.Add(item.Path.ToString(), 1, item.Length);
        }).ConfigureAwait(false);
        _log.BackupRemoved(backup.BackupId, objects.Count);
        return backup with { Objects = objects.Count, Bytes = objects.Sum(item => item.Length) };
    }
}
