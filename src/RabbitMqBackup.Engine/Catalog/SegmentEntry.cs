namespace RabbitMqBackup.Engine.Catalog;

/// <summary>One segment in a manifest.</summary>
public sealed record SegmentEntry
{
    /// <summary>The object's path below the backup's folder, e.g. <c>queues/_default/orders/segment-0001.zst</c>.</summary>
    public required string Key { get; init; }

    /// <summary>Messages in it.</summary>
    public long Records { get; init; }

    /// <summary>Capture time of its first message.</summary>
    public DateTimeOffset FirstTime { get; init; }

    /// <summary>Capture time of its last message.</summary>
    public DateTimeOffset LastTime { get; init; }

    /// <summary>True where a clock was set back meanwhile: then the first and the last time say nothing of those between them. Default false.</summary>
    public bool TimesGoBack { get; init; }

    /// <summary>First offset, for streams.</summary>
    public long? FirstOffset { get; init; }

    /// <summary>Last offset, for streams.</summary>
    public long? LastOffset { get; init; }

    /// <summary>Bytes of its payload before compression.</summary>
    public long UncompressedBytes { get; init; }

    /// <summary>Bytes of the object.</summary>
    public long StoredBytes { get; init; }

    /// <summary>SHA-256 of the whole object, 64 lower-case hexadecimal digits.</summary>
    public required string Sha256 { get; init; }

    /// <summary>Fields of a newer minor format, kept as raw JSON by name.</summary>
    internal IReadOnlyDictionary<string, string> UnknownFields { get; init; } = new Dictionary<string, string>();
}
