namespace RabbitMqBackup.Engine.Format;

/// <summary>What belongs to a compression.</summary>
internal static class SegmentCompressionExtensions
{
    /// <summary>The ending of a segment's name, with its dot.</summary>
    internal static string FileEnding(this SegmentCompression compression) => compression switch
    {
        SegmentCompression.None => ".raw",
        SegmentCompression.Zstd => ".zst",
        SegmentCompression.Lz4 => ".lz4",
        _ => throw new ArgumentOutOfRangeException(nameof(compression), compression, "It is no compression of segments."),
    };
}
