using System.Buffers;

namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>
/// Bytes received and not yet parsed, in one pooled array, so that frames nearly always lie in one piece. It grows for a frame that does not fit, whose size was checked
/// before, and for what its owner reads ahead.
/// </summary>
internal sealed class ReceiveBuffer(Stream stream) : IDisposable
{
    private const int InitialSize = 256 << 10;

    /// <summary>An array larger than this is given away when it is empty.</summary>
    private const int LargestKept = 1 << 20;

    /// <summary>With less room than this behind the unread bytes, these are moved to the front.</summary>
    private const int LeastRoom = 64 << 10;

    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(InitialSize);
    private int _start;
    private int _end;

    /// <summary>How many bytes were not consumed.</summary>
    internal int Length => _end - _start;

    /// <summary>What was not consumed; valid until the next <see cref="Fill"/>.</summary>
    internal ReadOnlySequence<byte> Unread => new(_bytes, _start, _end - _start);

    /// <summary>Reads once, at least one byte; waits for it. Returns how many came, 0 at the end of the stream.</summary>
    internal int Fill()
    {
        if (_bytes.Length - _end < LeastRoom)
        {
            MakeRoom();
        }

        int count = stream.Read(_bytes, _end, _bytes.Length - _end);
        _end += count;
        return count;
    }

    /// <summary>Lets go of all bytes but so many at the end.</summary>
    internal void Keep(long rest)
    {
        _start = _end - (int)rest;
        if (rest > 0)
        {
            return;
        }

        _start = _end = 0;
        if (_bytes.Length > LargestKept)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = ArrayPool<byte>.Shared.Rent(InitialSize);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = [];
    }

    private void MakeRoom()
    {
        byte[] target = _bytes;
        if (_bytes.Length - (_end - _start) < LeastRoom)
        {
            target = ArrayPool<byte>.Shared.Rent(_bytes.Length * 2);
        }

        _bytes.AsSpan(_start, _end - _start).CopyTo(target);
        (_start, _end) = (0, _end - _start);
        if (target != _bytes)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = target;
        }
    }
}
