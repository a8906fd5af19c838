using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>A segment with all that is needed to find and read it: what a pipeline carries.</summary>
public sealed record BackupSegment
{
    /// <summary>The backup it belongs to.</summary>
    public required string BackupId { get; init; }

    /// <summary>The queue's virtual host.</summary>
    public required string VirtualHost { get; init; }

    /// <summary>The queue's name.</summary>
    public required string Queue { get; init; }

    /// <summary>Its row in the manifest.</summary>
    public required SegmentEntry Entry { get; init; }

    /// <summary>The queue it came from, for a restore that has to declare it; its counts and segments are empty while the backup still runs.</summary>
    public required QueueEntry QueueEntry { get; init; }

    /// <summary>Where it lies.</summary>
    public required BackupStore Store { get; init; }

    /// <summary>The object's path below the backup's folder.</summary>
    public string Key => Entry.Key;

    /// <summary>Messages in it.</summary>
    public long Records => Entry.Records;

    /// <summary>Capture time of its first message.</summary>
    public DateTimeOffset FirstTime => Entry.FirstTime;

    /// <summary>Capture time of its last message.</summary>
    public DateTimeOffset LastTime => Entry.LastTime;

    /// <summary>Bytes of the object.</summary>
    public long StoredBytes => Entry.StoredBytes;

    /// <inheritdoc/>
    public override string ToString() => Key;
}
