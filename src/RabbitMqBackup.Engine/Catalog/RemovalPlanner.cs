using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>
/// Decides what a removal removes: by name or by retention, then what protects a backup (a pin, being the last good one), then that nobody is left without the backup that it is based on. Changes nothing.
/// </summary>
internal sealed class RemovalPlanner(BackupCatalog catalog, RemovalOptions options, TimeProvider time)
{
    private readonly Dictionary<string, BackupManifest> _backups = new(StringComparer.Ordinal);
    private readonly Dictionary<string, RabbitBackupException> _damaged = new(StringComparer.Ordinal);
    private readonly Dictionary<string, BackupRemoval> _rows = new(StringComparer.Ordinal);

    private IEnumerable<BackupManifest> Finished => _backups.Values.Where(backup => backup.Status != BackupStatus.InProgress);

    internal async Task<RemovalPlan> PlanAsync(CancellationToken cancellationToken)
    {
        await foreach (BackupManifest backup in catalog.ListAsync(new BackupQuery { IncludeIncomplete = true }, Damaged, cancellationToken).ConfigureAwait(false))
        {
            _backups[backup.BackupId] = backup;
        }

        BackupChains chains = new(Finished);
        NameExplicitly();
        if (options.Retention is { } policy)
        {
            ApplyRetention(policy);
        }

        if (options.OrphanAge is { } age)
        {
            await AddOrphansAsync(age, cancellationToken).ConfigureAwait(false);
        }

        if (options.Recurse)
        {
            AddDependents(chains);
        }

        Protect();
        KeepChainsWhole(chains);
        return new RemovalPlan
        {
            Options = options,
            Backups = [.. _rows.Values.Select(row => row with { NeededBy = [.. chains.DependentsOf(row.BackupId).Select(backup => backup.BackupId)] }).OrderByDescending(row => Depth(row, chains)).ThenBy(row => row.CreatedAt).ThenBy(row => row.BackupId, StringComparer.Ordinal)],
        };

        void Damaged(RabbitBackupException damage) => _damaged[damage.Target?.Split('/')[0] ?? ""] = damage;
    }

    /// <summary>Without a retention what is named is removed.</summary>
    private void NameExplicitly()
    {
        IEnumerable<string> named = options.Retention is null ? (options.Backups ?? []).Select(backup => backup.BackupId) : [];
        foreach (string id in named.Concat(options.BackupIds).Distinct(StringComparer.Ordinal))
        {
            if (_backups.TryGetValue(id, out BackupManifest? backup))
            {
                Set(Row(backup, RemovalDecision.Remove, "asked for"));
            }
            else if (!_damaged.TryGetValue(id, out RabbitBackupException? damage))
            {
                Set(Refused(Unknown(id, null), new RabbitBackupException(ErrorCode.BackupNotFound, $"There is no backup '{id}' in '{options.Store}'.") { Target = id }));
            }
            else if (options.Force)
            {
                Set(Unknown(id, RemovalDecision.Remove));
            }
            else
            {
                Set(Refused(Unknown(id, null), Protected(id, $"its manifest can't be read, so nobody can tell what depends on it ({damage.Message})", "Use -Force to remove it all the same.")));
            }
        }
    }

    private void ApplyRetention(RetentionPolicy policy)
    {
        HashSet<string>? scope = options.Backups?.Select(backup => backup.BackupId).ToHashSet(StringComparer.Ordinal);
        List<BackupManifest> candidates = [.. Finished.Where(backup => scope?.Contains(backup.BackupId) != false)];
        Dictionary<string, List<string>> kept = Retention.Keep(policy, candidates);
        foreach (BackupManifest backup in candidates.Where(backup => !_rows.ContainsKey(backup.BackupId)))
        {
            Set(kept.TryGetValue(backup.BackupId, out List<string>? reasons)
                ? Row(backup, RemovalDecision.Keep, [.. reasons])
                : Row(backup, RemovalDecision.Remove, "no rule keeps it"));
        }
    }

    /// <summary>Remains without a manifest: of backups that were killed, and of removals that were. They may be nothing but a lease.</summary>
    private async Task AddOrphansAsync(TimeSpan age, CancellationToken cancellationToken)
    {
        HashSet<string> ids = [.. _backups.Values.Where(backup => backup.Status == BackupStatus.InProgress).Select(backup => backup.BackupId)];
        await foreach (ListEntry row in catalog.Objects.ListAsync(BackupLeases.Folder, new ListOptions { Delimited = true }, cancellationToken).ConfigureAwait(false))
        {
            string id = row.Key[BackupLeases.Folder.Length..].TrimEnd('/');
            if (row.Object is null && BackupId.IsValid(id) && !_backups.ContainsKey(id) && !_damaged.ContainsKey(id))
            {
                ids.Add(id);
            }
        }

        foreach (string id in ids.Where(id => !_rows.ContainsKey(id)))
        {
            DateTimeOffset newest = await NewestAsync(id, cancellationToken).ConfigureAwait(false);
            bool isOld = time.GetUtcNow() - newest > age;
            string reason = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"without manifest, last object of {newest.UtcDateTime:u}");
            RemovalDecision decision = isOld ? RemovalDecision.Remove : RemovalDecision.Keep;
            Set(_backups.TryGetValue(id, out BackupManifest? backup)
                ? Row(backup, decision, reason)
                : Unknown(id, decision) with { Status = BackupStatus.InProgress, CreatedAt = newest, IsOrphan = true, Reasons = [reason] });
        }
    }

    private void AddDependents(BackupChains chains)
    {
        foreach (BackupRemoval row in _rows.Values.Where(row => row.Decision == RemovalDecision.Remove).ToList())
        {
            foreach (BackupManifest dependent in chains.AllDependentsOf(row.BackupId).Where(dependent => !_rows.ContainsKey(dependent.BackupId)))
            {
                Set(Row(dependent, RemovalDecision.Remove, $"based on {row.BackupId}"));
            }
        }
    }

    private void Protect()
    {
        foreach (BackupManifest backup in _backups.Values.Where(backup => backup.IsPinned))
        {
            Spare(backup.BackupId, "pinned", "it is pinned", "Unpin it first: Set-RabbitBackup -Unpin.");
        }

        if (options.Force)
        {
            return;
        }

        if (options.Retention is not null)
        {
            foreach (string id in Retention.LastGood(Finished))
            {
                Spare(id, "last good", "it is the newest good backup of its cluster", "Use -Force to remove it all the same.");
            }
        }

        foreach (IGrouping<string, BackupManifest> cluster in Finished.GroupBy(backup => backup.SourceCluster, StringComparer.Ordinal))
        {
            // By name any may go, as long as a good one stays: a complete one, or where the cluster has none, any.
            bool needsComplete = cluster.Any(backup => backup.Status == BackupStatus.Complete);
            if (!cluster.Any(backup => !IsRemoved(backup.BackupId) && (!needsComplete || backup.Status == BackupStatus.Complete)))
            {
                Spare(Retention.LastGood(cluster).Single(), "last good", $"it is the last good backup of {(cluster.Key.Length == 0 ? "a cluster without a name" : cluster.Key)}", "Use -Force to remove it all the same.");
            }
        }
    }

    /// <summary>What a backup that stays is based on stays, too.</summary>
    private void KeepChainsWhole(BackupChains chains)
    {
        foreach (BackupManifest backup in Finished.Where(backup => !IsRemoved(backup.BackupId)).ToList())
        {
            foreach (BackupManifest basis in chains.BasesOf(backup))
            {
                Spare(basis.BackupId, $"{backup.BackupId} is based on it", $"'{backup.BackupId}' is based on it", "Remove that one too, or use -Recurse.");
            }
        }
    }

    /// <summary>A backup that was to be removed is not: by retention it is kept, by name it is refused.</summary>
    private void Spare(string id, string reason, string sentence, string hint)
    {
        if (_rows.GetValueOrDefault(id) is not { } row || row.Decision == RemovalDecision.Refuse)
        {
            return;
        }

        bool byRule = options.Retention is not null && !options.BackupIds.Contains(id);
        Set(row.Decision == RemovalDecision.Keep ? row with { Reasons = [.. row.Reasons, reason] }
            : byRule ? row with { Decision = RemovalDecision.Keep, Reasons = [reason] }
            : Refused(row with { Reasons = [reason] }, Protected(id, sentence, hint)));
    }

    private bool IsRemoved(string id) => _rows.GetValueOrDefault(id)?.Decision == RemovalDecision.Remove;

    private int Depth(BackupRemoval row, BackupChains chains) => _backups.TryGetValue(row.BackupId, out BackupManifest? backup) ? chains.BasesOf(backup).Count : 0;

    private async Task<DateTimeOffset> NewestAsync(string id, CancellationToken cancellationToken)
    {
        DateTimeOffset newest = DateTimeOffset.MinValue;
        foreach (string prefix in new[] { $"{id}/", $"{BackupLeases.Folder}{id}/" })
        {
            await foreach (ListEntry row in catalog.Objects.ListAsync(prefix, new ListOptions(), cancellationToken).ConfigureAwait(false))
            {
                newest = row.Object!.LastModified > newest ? row.Object.LastModified : newest;
            }
        }

        return newest;
    }

    private void Set(BackupRemoval row) => _rows[row.BackupId] = row;

    private BackupRemoval Row(BackupManifest backup, RemovalDecision decision, params string[] reasons) => new()
    {
        BackupId = backup.BackupId,
        Store = options.Store,
        Decision = decision,
        Reasons = reasons,
        CreatedAt = backup.CreatedAt,
        SourceCluster = backup.SourceCluster,
        Status = backup.Status,
        IsOrphan = backup.Status == BackupStatus.InProgress,
    };

    private BackupRemoval Unknown(string id, RemovalDecision? decision) => new() { BackupId = id, Store = options.Store, Decision = decision ?? RemovalDecision.Refuse, Reasons = ["asked for"] };

    private static BackupRemoval Refused(BackupRemoval row, RabbitBackupException refusal) => row with { Decision = RemovalDecision.Refuse, Refusal = refusal };

    private static RabbitBackupException Protected(string id, string why, string hint) => new(ErrorCode.BackupProtected, $"The backup '{id}' is not removed: {why}.") { Target = id, Hint = hint };
}
