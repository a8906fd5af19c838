using System.Buffers;

namespace RabbitMqBackup.Engine.Format;

/// <summary>Collects what the record codecs write, so that the compressor gets large pieces.</summary>
internal sealed class PayloadWriter(PayloadCompressor compressor, BlockPool pool) : IDisposable
{
    /// <summary>The most that <see cref="GetSpan"/> gives.</summary>
    internal const int MaxSpan = BlockPool.BlockBytes;

    /// <summary>Pieces of this size are not small for any compressor: to collect them would only copy them once more.</summary>
    private const int Large = 16 << 10;

    private readonly byte[] _stage = pool.Rent();
    private int _staged;
    private long _compressed;

    /// <summary>Bytes written so far.</summary>
    internal long Length => _compressed + _staged;

    /// <summary>Room for at least <paramref name="size"/> bytes: fill it from its beginning, then <see cref="Advance"/>.</summary>
    /// <param name="size">At most <see cref="MaxSpan"/>.</param>
    internal Span<byte> GetSpan(int size)
    {
        if (_stage.Length - _staged < size)
        {
            Flush();
        }

        return _stage.AsSpan(_staged);
    }

    /// <summary>Takes over what was put into <see cref="GetSpan"/>.</summary>
    internal void Advance(int count) => _staged += count;

    /// <summary>Writes bytes.</summary>
    internal void Write(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length >= Large)
        {
            Flush();
            compressor.Write(bytes);
            _compressed += bytes.Length;
            return;
        }

        if (bytes.Length > _stage.Length - _staged)
        {
            Flush();
        }

        bytes.CopyTo(_stage.AsSpan(_staged));
        _staged += bytes.Length;
    }

    /// <summary>Writes bytes.</summary>
    internal void Write(in ReadOnlySequence<byte> bytes)
    {
        if (bytes.IsSingleSegment)
        {
            Write(bytes.FirstSpan);
            return;
        }

        foreach (ReadOnlyMemory<byte> part in bytes)
        {
            Write(part.Span);
        }
    }

    /// <summary>Ends the payload.</summary>
    internal void Complete()
    {
        Flush();
        compressor.Complete();
    }

    /// <inheritdoc/>
    public void Dispose() => pool.Return(_stage);

    private void Flush()
    {
        compressor.Write(_stage.AsSpan(0, _staged));
        _compressed += _staged;
        _staged = 0;
    }
}
