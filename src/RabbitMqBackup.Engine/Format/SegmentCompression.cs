namespace RabbitMqBackup.Engine.Format;

/// <summary>How the payload of a segment is compressed; the number stands in the segment's header.</summary>
public enum SegmentCompression
{
    /// <summary>Not at all.</summary>
    None = 0,

    /// <summary>One zstd frame.</summary>
    Zstd = 1,

    /// <summary>One raw LZ4 block behind its uncompressed size.</summary>
    Lz4 = 2,
}
