using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>Which backup to copy, and where to.</summary>
public sealed record CopyOptions
{
    /// <summary>The backup; it knows its store.</summary>
    public required BackupManifest Backup { get; init; }

    /// <summary>The other store.</summary>
    public required BackupStore Destination { get; init; }

    /// <summary>Copies also the backups that this one is based on. Default false: they must be there.</summary>
    public bool Recurse { get; init; }

    /// <summary>Objects copied at the same time. Default 4; 1 to 32.</summary>
    public int MaxConcurrentObjects { get; init; } = 4;

    /// <summary>Takes away leases whose holders are gone. Default false.</summary>
    public bool BreakStaleLease { get; init; }
}
