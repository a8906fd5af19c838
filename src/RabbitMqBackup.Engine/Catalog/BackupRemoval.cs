using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>One backup in a plan of removal, and what became of it.</summary>
public sealed record BackupRemoval
{
    /// <summary>The backup.</summary>
    public required string BackupId { get; init; }

    /// <summary>The store.</summary>
    public required BackupStore Store { get; init; }

    /// <summary>What is to become of it.</summary>
    public required RemovalDecision Decision { get; init; }

    /// <summary>Why, for people, e.g. <c>day 2026-11-26</c>, <c>pinned</c>.</summary>
    public IReadOnlyList<string> Reasons { get; init; } = [];

    /// <summary>When the backup began; of remains without a manifest, the time of their oldest object.</summary>
    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>The cluster's name; empty where there is no manifest.</summary>
    public string SourceCluster { get; init; } = "";

    /// <summary>How whole the backup is, or null where its manifest can't be read.</summary>
    public BackupStatus? Status { get; init; }

    /// <summary>Objects that were deleted; 0 before.</summary>
    public int Objects { get; init; }

    /// <summary>Bytes that were deleted; 0 before.</summary>
    public long Bytes { get; init; }

    /// <summary>Why it is refused, or null.</summary>
    internal RabbitBackupException? Refusal { get; init; }

    /// <summary>It has no manifest.</summary>
    internal bool IsOrphan { get; init; }

    /// <summary>The backups that are based on this one; they go first.</summary>
    internal IReadOnlyList<string> NeededBy { get; init; } = [];

    /// <inheritdoc/>
    public override string ToString() => BackupId;
}
