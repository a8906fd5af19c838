namespace RabbitMqBackup.Engine.Format;

/// <summary>Turns the payload into what stands in the object, as it comes, and adds it to the object.</summary>
internal abstract class PayloadCompressor : IDisposable
{
    /// <summary>Takes the next bytes. Small pieces are slow: the caller collects them.</summary>
    internal abstract void Write(ReadOnlySpan<byte> bytes);

    /// <summary>Ends the payload; nothing is written after it.</summary>
    internal abstract void Complete();

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>Makes the compressor for a segment.</summary>
    /// <param name="options">Which.</param>
    /// <param name="output">The object, of which the header is written.</param>
    internal static PayloadCompressor Create(SegmentWriterOptions options, BlockBuffer output) => options.Compression switch
    {
        SegmentCompression.None => new Uncompressed(output),
        SegmentCompression.Zstd => new ZstdPayloadCompressor(output, options.CompressionLevel),
        SegmentCompression.Lz4 => new Lz4PayloadCompressor(output, options.BlockPool),
        _ => throw new ArgumentOutOfRangeException(nameof(options), options.Compression, "It is no compression of segments."),
    };

    private sealed class Uncompressed(BlockBuffer output) : PayloadCompressor
    {
        internal override void Write(ReadOnlySpan<byte> bytes) => output.Write(bytes);

        internal override void Complete()
        {
        }

        public override void Dispose()
        {
        }
    }
}
