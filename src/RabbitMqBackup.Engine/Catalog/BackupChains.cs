namespace RabbitMqBackup.Engine.Catalog;

/// <summary>Which backups need which others, by <see cref="BackupManifest.BasedOn"/>, over all backups of a store: the one place where that is asked.</summary>
internal sealed class BackupChains
{
    private readonly Dictionary<string, BackupManifest> _backups;
    private readonly ILookup<string?, BackupManifest> _dependents;

    /// <param name="backups">All backups of a store.</param>
    internal BackupChains(IEnumerable<BackupManifest> backups)
    {
        _backups = backups.DistinctBy(backup => backup.BackupId).ToDictionary(backup => backup.BackupId, StringComparer.Ordinal);
        _dependents = _backups.Values.ToLookup(backup => backup.BasedOn, StringComparer.Ordinal);
    }

    /// <summary>The backups that continue this one directly.</summary>
    internal IEnumerable<BackupManifest> DependentsOf(string backupId) => _dependents[backupId];

    /// <summary>The backups that can't be restored without this one, however far.</summary>
    internal IReadOnlyList<BackupManifest> AllDependentsOf(string backupId)
    {
        List<BackupManifest> found = [.. DependentsOf(backupId)];
        HashSet<string> seen = [backupId, .. found.Select(backup => backup.BackupId)];
        for (int i = 0; i < found.Count; i++)
        {
            // A manifest is not trusted: a circle must end.
            found.AddRange(DependentsOf(found[i].BackupId).Where(backup => seen.Add(backup.BackupId)));
        }

        return found;
    }

    /// <summary>The backups that this one can't be restored without, nearest first; those that are not in the store are left out.</summary>
    internal IReadOnlyList<BackupManifest> BasesOf(BackupManifest backup)
    {
        List<BackupManifest> bases = [];
        HashSet<string> seen = [backup.BackupId];
        for (string? id = backup.BasedOn; id is not null && seen.Add(id) && _backups.TryGetValue(id, out BackupManifest? basis); id = basis.BasedOn)
        {
            bases.Add(basis);
        }

        return bases;
    }
}
