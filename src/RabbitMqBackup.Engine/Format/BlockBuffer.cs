namespace RabbitMqBackup.Engine.Format;

/// <summary>Bytes in pooled blocks: grows at its end, never moves. For one thread at a time; once it no longer grows, for any number of readers.</summary>
internal sealed class BlockBuffer(BlockPool pool) : IDisposable
{
    private readonly List<byte[]> _blocks = [];
    private int _drained;
    private bool _disposed;

    /// <summary>Bytes in it.</summary>
    internal long Length { get; private set; }

    /// <summary>Room at the end, at least one byte: fill it from its beginning, then <see cref="Advance"/>.</summary>
    internal Memory<byte> GetMemory()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        int used = (int)(Length % BlockPool.BlockBytes);
        if (Length == (long)_blocks.Count * BlockPool.BlockBytes)
        {
            _blocks.Add(pool.Rent());
        }

        return _blocks[(int)(Length / BlockPool.BlockBytes)].AsMemory(used);
    }

    /// <summary>Takes over what was put into <see cref="GetMemory"/>.</summary>
    internal void Advance(int count) => Length += count;

    /// <summary>Adds bytes.</summary>
    internal void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            Span<byte> room = GetMemory().Span;
            int count = Math.Min(room.Length, bytes.Length);
            bytes[..count].CopyTo(room);
            Advance(count);
            bytes = bytes[count..];
        }
    }

    /// <summary>Replaces bytes that are there already and lie in the first block.</summary>
    internal void Overwrite(int position, ReadOnlySpan<byte> bytes) => bytes.CopyTo(_blocks[0].AsSpan(position));

    /// <summary>The bytes from a position to the end of its block; empty at the end.</summary>
    internal ReadOnlyMemory<byte> Read(long position)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        int start = (int)(position % BlockPool.BlockBytes);
        int count = (int)Math.Min(BlockPool.BlockBytes - start, Length - position);
        return count <= 0 ? default : _blocks[(int)(position / BlockPool.BlockBytes)].AsMemory(start, count);
    }

    /// <summary>Copies bytes that may lie in several blocks.</summary>
    internal void CopyTo(long position, Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            ReadOnlySpan<byte> part = Read(position).Span;
            part = part[..Math.Min(part.Length, destination.Length)];
            part.CopyTo(destination);
            destination = destination[part.Length..];
            position += part.Length;
        }
    }

    /// <summary>Moves everything to another buffer, block by block, so that it is not in memory twice, and is empty then.</summary>
    internal void MoveTo(BlockBuffer target)
    {
        for (int i = 0; i < _blocks.Count; i++)
        {
            target.Write(Read((long)i * BlockPool.BlockBytes).Span);
            if (i > 0)
            {
                pool.Return(_blocks[i]);
            }
        }

        _blocks.RemoveRange(Math.Min(1, _blocks.Count), Math.Max(0, _blocks.Count - 1));
        Length = 0;
    }

    /// <summary>Gives everything to somebody, block by block, each of which goes back to the pool at once; it is empty then.</summary>
    internal void Drain(ReadOnlySpanAction taker)
    {
        for (; _drained < _blocks.Count; _drained++)
        {
            taker(Read((long)_drained * BlockPool.BlockBytes).Span);
            pool.Return(_blocks[_drained]);
        }

        _blocks.Clear();
        (_drained, Length) = (0, 0);
    }

    /// <summary>Takes bytes that are valid during the call.</summary>
    internal delegate void ReadOnlySpanAction(ReadOnlySpan<byte> bytes);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _blocks.Skip(_drained).ToList().ForEach(pool.Return);
        _blocks.Clear();
    }
}
