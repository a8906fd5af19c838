namespace RabbitMqBackup.Engine.Format;

/// <summary>How a segment is written.</summary>
internal sealed record SegmentWriterOptions
{
    /// <summary>Where its memory comes from.</summary>
    public required BlockPool BlockPool { get; init; }

    /// <summary>Default binary.</summary>
    public RecordFormat RecordFormat { get; init; } = RecordFormat.Binary;

    /// <summary>Default zstd.</summary>
    public SegmentCompression Compression { get; init; } = SegmentCompression.Zstd;

    /// <summary>Level of zstd, -7 (fast) to 19 (small); the others have none. Default 3.</summary>
    public int CompressionLevel { get; init; } = 3;
}
