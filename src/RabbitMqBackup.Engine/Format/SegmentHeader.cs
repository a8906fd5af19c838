namespace RabbitMqBackup.Engine.Format;

/// <summary>The first 32 bytes of a segment.</summary>
internal readonly record struct SegmentHeader
{
    /// <summary>How the records are written.</summary>
    public RecordFormat RecordFormat { get; init; }

    /// <summary>How the payload is compressed.</summary>
    public SegmentCompression Compression { get; init; }

    /// <summary>Messages in it.</summary>
    public long Records { get; init; }

    /// <summary>Time of the first record, ms since 1970 UTC.</summary>
    public long FirstTime { get; init; }

    /// <summary>Time of the last record, ms since 1970 UTC.</summary>
    public long LastTime { get; init; }
}
