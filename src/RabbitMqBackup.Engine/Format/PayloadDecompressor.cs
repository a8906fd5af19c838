namespace RabbitMqBackup.Engine.Format;

/// <summary>Gives the payload of a segment as it was before compression, piece by piece, and nothing beyond the caps.</summary>
internal abstract class PayloadDecompressor : IDisposable
{
    /// <summary>Fills a part of the destination, at least one byte; 0 at the end of the payload.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>.</exception>
    internal abstract int Read(Span<byte> destination);

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>Makes the decompressor for a segment.</summary>
    /// <param name="compression">Which.</param>
    /// <param name="segment">The object.</param>
    /// <param name="maxBytes">Cap on the payload.</param>
    /// <param name="fault">Makes the errors.</param>
    internal static PayloadDecompressor Create(SegmentCompression compression, BlockBuffer segment, long maxBytes, SegmentFault fault)
    {
        PayloadInput input = new(segment);
        return compression switch
        {
            SegmentCompression.None => new Uncompressed(input),
            SegmentCompression.Zstd => new ZstdPayloadDecompressor(input, fault),
            _ => new Lz4PayloadDecompressor(input, maxBytes, fault),
        };
    }

    private sealed class Uncompressed(PayloadInput input) : PayloadDecompressor
    {
        internal override int Read(Span<byte> destination)
        {
            ReadOnlySpan<byte> part = input.Peek();
            part = part[..Math.Min(part.Length, destination.Length)];
            part.CopyTo(destination);
            input.Advance(part.Length);
            return part.Length;
        }

        public override void Dispose()
        {
        }
    }
}
