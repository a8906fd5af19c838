using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>Which backups of a store to remove.</summary>
public sealed record RemovalOptions
{
    /// <summary>The store.</summary>
    public required BackupStore Store { get; init; }

    /// <summary>Only these are looked at. Default: with a retention all of the store, else none.</summary>
    public IReadOnlyList<BackupManifest>? Backups { get; init; }

    /// <summary>Removes also the backups with these ids, whether they have a manifest or not. Default: none.</summary>
    public IReadOnlyList<string> BackupIds { get; init; } = [];

    /// <summary>Removes what the rules do not want to keep. Default: no rules, so what is named is removed.</summary>
    public RetentionPolicy? Retention { get; init; }

    /// <summary>Removes the remains of backups without a manifest whose last object is older. Their leases are broken where they are stale. Default: remains are left alone.</summary>
    public TimeSpan? OrphanAge { get; init; }

    /// <summary>Removes also the backups that are based on one that is removed. Default false: such a backup is refused.</summary>
    public bool Recurse { get; init; }

    /// <summary>Removes also the last good backup of a cluster, and one whose manifest can't be read. Default false.</summary>
    public bool Force { get; init; }

    /// <summary>Takes away leases whose holders are gone. Default false.</summary>
    public bool BreakStaleLease { get; init; }
}
