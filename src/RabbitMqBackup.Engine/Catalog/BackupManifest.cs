using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>What a backup holds. Written last and once; with no manifest there is no backup. As JSON: docs in Format/FORMAT.md.</summary>
public sealed record BackupManifest
{
    /// <summary>The backup's id, also its folder in the store.</summary>
    public required string BackupId { get; init; }

    /// <summary>How whole it is.</summary>
    public BackupStatus Status { get; init; }

    /// <summary>When the backup began.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>When its last object but the manifest was stored; null while in progress.</summary>
    public DateTimeOffset? CompletedAt { get; init; }

    /// <summary>The cluster's name, e.g. <c>rabbit@prod</c>.</summary>
    public string SourceCluster { get; init; } = "";

    /// <summary>The broker's version, e.g. <c>4.0.5</c>.</summary>
    public string RabbitMqVersion { get; init; } = "";

    /// <summary>This module's version.</summary>
    public string BackupToolVersion { get; init; } = "";

    /// <summary>The backup that this one goes on from (its id): the streams' messages up to then are there. Null for one that stands by itself.</summary>
    public string? BasedOn { get; init; }

    /// <summary>The definitions' object, or null where they were left out.</summary>
    public DefinitionsEntry? Definitions { get; init; }

    /// <summary>Every queue that was asked for, whether it was read, skipped or failed.</summary>
    public IReadOnlyList<QueueEntry> Queues { get; init; } = [];

    /// <summary>Messages in all segments.</summary>
    public long TotalMessages => Queues.Sum(queue => queue.Messages);

    /// <summary>Bytes of all records before compression.</summary>
    public long TotalBytes => Queues.Sum(queue => queue.Bytes);

    /// <summary>Segments of all queues.</summary>
    public int TotalSegments => Queues.Sum(queue => queue.Segments.Count);

    /// <summary>The store that this manifest was read from or written to; carried along the pipeline, not in the JSON.</summary>
    public BackupStore? Store { get; init; }

    /// <summary>No removal and no retention touches it. Known of what a listing gives; not in the JSON.</summary>
    public bool IsPinned { get; init; }

    /// <summary>Fields of a newer minor format, kept as raw JSON by name when a manifest is read and written again.</summary>
    internal IReadOnlyDictionary<string, string> UnknownFields { get; init; } = new Dictionary<string, string>();

    /// <inheritdoc/>
    public override string ToString() => BackupId;
}
