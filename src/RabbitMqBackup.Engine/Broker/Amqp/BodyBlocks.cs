using System.Buffers;

namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>Collects a body that comes in several frames, in pooled blocks that are rented as its bytes arrive, never by what was announced.</summary>
internal sealed class BodyBlocks : IDisposable
{
    private const int BlockSize = 256 << 10;

    private readonly List<Block> _blocks = [];
    private int _used;
    private int _fill = BlockSize;

    /// <summary>Bytes collected.</summary>
    internal long Length { get; private set; }

    /// <summary>Adds the payload of a body frame.</summary>
    internal void Append(in ReadOnlySequence<byte> payload)
    {
        foreach (ReadOnlyMemory<byte> memory in payload)
        {
            ReadOnlySpan<byte> rest = memory.Span;
            while (!rest.IsEmpty)
            {
                if (_fill == BlockSize)
                {
                    Next();
                }

                int count = Math.Min(rest.Length, BlockSize - _fill);
                rest[..count].CopyTo(_blocks[_used - 1].Array.AsSpan(_fill));
                _fill += count;
                Length += count;
                rest = rest[count..];
            }
        }
    }

    /// <summary>What was collected; valid until <see cref="Clear"/>.</summary>
    internal ReadOnlySequence<byte> ToSequence() =>
        _used == 0 ? ReadOnlySequence<byte>.Empty : new ReadOnlySequence<byte>(_blocks[0], 0, _blocks[_used - 1], _fill);

    /// <summary>Begins anew; one block is kept for the next body, the others go back to the pool.</summary>
    internal void Clear()
    {
        Trim(keep: 1);
        _used = 0;
        _fill = BlockSize;
        Length = 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Clear();
        Trim(keep: 0);
    }

    private void Next()
    {
        if (_used == _blocks.Count)
        {
            _blocks.Add(new Block(ArrayPool<byte>.Shared.Rent(BlockSize), _blocks.Count == 0 ? null : _blocks[^1]));
        }

        _used++;
        _fill = 0;
    }

    private void Trim(int keep)
    {
        for (int i = _blocks.Count - 1; i >= keep; i--)
        {
            ArrayPool<byte>.Shared.Return(_blocks[i].Array);
            _blocks.RemoveAt(i);
        }
    }

    private sealed class Block : ReadOnlySequenceSegment<byte>
    {
        internal Block(byte[] array, Block? previous)
        {
            Array = array;
            Memory = array.AsMemory(0, BlockSize);
            if (previous is not null)
            {
                RunningIndex = previous.RunningIndex + BlockSize;
                previous.Next = this;
            }
        }

        internal byte[] Array { get; }
    }
}
