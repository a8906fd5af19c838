using System.Buffers.Binary;

namespace RabbitMqBackup.Engine.Format;

/// <summary>Bytes that are put together for one record and thrown away with the next; grows as they come.</summary>
internal sealed class ScratchBuffer
{
    private byte[] _bytes = new byte[1024];

    /// <summary>Bytes in it.</summary>
    internal int Length { get; private set; }

    /// <summary>Empties it.</summary>
    internal void Clear() => Length = 0;

    /// <summary>Adds room, which the caller fills.</summary>
    /// <exception cref="InvalidOperationException">More than an array can hold.</exception>
    internal Span<byte> Add(int count)
    {
        long needed = (long)Length + count;
        if (needed > Array.MaxLength)
        {
            throw new InvalidOperationException("A record needs more memory than an array can have.");
        }

        if (needed > _bytes.Length)
        {
            Array.Resize(ref _bytes, (int)Math.Min(Array.MaxLength, Math.Max(needed, 2L * _bytes.Length)));
        }

        Span<byte> room = _bytes.AsSpan(Length, count);
        Length += count;
        return room;
    }

    /// <summary>Adds a byte.</summary>
    internal void AddByte(byte value) => Add(1)[0] = value;

    /// <summary>Takes bytes at the end away again.</summary>
    internal void Shorten(int length) => Length = length;

    /// <summary>Writes the number of bytes behind a big-endian u32 into it.</summary>
    internal void EndLength(int position) => BinaryPrimitives.WriteInt32BigEndian(_bytes.AsSpan(position), Length - position - 4);

    /// <summary>Some of it; valid until more is added.</summary>
    internal Span<byte> Span(int start, int length) => _bytes.AsSpan(start, length);

    /// <summary>Some of it; valid until more is added.</summary>
    internal ReadOnlyMemory<byte> Memory(int start, int length) => _bytes.AsMemory(start, length);
}
