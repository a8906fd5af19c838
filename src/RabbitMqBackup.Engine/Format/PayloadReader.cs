using System.Buffers;

namespace RabbitMqBackup.Engine.Format;

/// <summary>
/// Gives the uncompressed payload in pieces that lie in one row. Its buffer grows with the bytes that come, not with the length that something claims.
/// </summary>
internal sealed class PayloadReader(PayloadDecompressor decompressor, SegmentReadOptions options, SegmentFault fault) : IDisposable
{
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(BlockPool.BlockBytes);
    private int _start;
    private int _end;
    private long _decompressed;

    /// <summary>Bytes given so far.</summary>
    internal long Position => _decompressed - (_end - _start);

    /// <summary>The next bytes, valid until the next call; false where the payload ends before the first of them.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>: the payload ends after the first of them, or is too large.</exception>
    internal bool TryRead(int count, out ReadOnlyMemory<byte> bytes)
    {
        bytes = default;
        if (_end - _start < count && !TryFill(count))
        {
            return false;
        }

        bytes = _buffer.AsMemory(_start, count);
        _start += count;
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        decompressor.Dispose();
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private bool TryFill(int count)
    {
        _buffer.AsSpan(_start.._end).CopyTo(_buffer);
        _end -= _start;
        _start = 0;
        while (_end < count)
        {
            if (_end == _buffer.Length)
            {
                Grow();
            }

            int read = decompressor.Read(_buffer.AsSpan(_end));
            if (read == 0)
            {
                return _end == 0 ? false : throw fault.CorruptPayload(_decompressed, $"it ends there, and {count - _end} bytes more are expected");
            }

            _end += read;
            _decompressed += read;
            if (_decompressed > options.MaxPayloadBytes)
            {
                throw fault.CorruptPayload(options.MaxPayloadBytes, $"it goes on beyond the {options.MaxPayloadBytes} bytes that are allowed");
            }
        }

        return true;
    }

    private void Grow()
    {
        byte[] larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(Array.MaxLength, 2L * _buffer.Length));
        _buffer.AsSpan(0, _end).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
