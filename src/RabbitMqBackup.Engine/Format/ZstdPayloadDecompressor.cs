using System.Buffers;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace RabbitMqBackup.Engine.Format;

/// <summary>
/// Reads a payload that is a zstd frame. As everywhere in zstd, several frames in a row read as one. Frames that ask for a window of more than 8 MiB
/// are refused, as RFC 8878 recommends.
/// </summary>
internal sealed class ZstdPayloadDecompressor : PayloadDecompressor
{
    private const int MaxWindowLog = 23;

    private readonly PayloadInput _input;
    private readonly SegmentFault _fault;
    private readonly Decompressor _decompressor = new();
    private bool _frameEnded;

    /// <summary>Begins.</summary>
    internal ZstdPayloadDecompressor(PayloadInput input, SegmentFault fault)
    {
        _input = input;
        _fault = fault;
        _decompressor.SetParameter(ZSTD_dParameter.ZSTD_d_windowLogMax, MaxWindowLog);
    }

    /// <inheritdoc/>
    internal override int Read(Span<byte> destination)
    {
        while (true)
        {
            ReadOnlySpan<byte> part = _input.Peek();
            if (part.IsEmpty && _frameEnded)
            {
                return 0;
            }

            OperationStatus status = _decompressor.UnwrapStream(part, destination, out int consumed, out int written);
            _input.Advance(consumed);
            if (status == OperationStatus.InvalidData)
            {
                throw _fault.Corrupt(_input.Position, "the zstd frame around there is malformed, or needs a window of more than 8 MiB");
            }

            _frameEnded = status == OperationStatus.Done;
            if (written > 0)
            {
                return written;
            }

            if (consumed == 0 && !_frameEnded)
            {
                throw _fault.Corrupt(_input.Position, "the zstd frame is cut off");
            }
        }
    }

    /// <inheritdoc/>
    public override void Dispose() => _decompressor.Dispose();
}
