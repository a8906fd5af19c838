using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>
/// Builds frames of the stream protocol, one after the other, in a buffer of its own. All integers are big-endian.
/// <code>
/// frame   = size:u32 key:u16 version:u16 [correlation-id:u32] content        size does not count itself
/// string  = length:u16 UTF-8                                                  0xFFFF is null
/// bytes   = length:u32 octets                                                 0xFFFFFFFF is null
/// map     = count:u32 (string string)*
/// </code>
/// </summary>
internal sealed class FrameWriter
{
    private readonly ArrayBufferWriter<byte> _buffer;
    private int _frameStart;

    /// <param name="capacity">Bytes to begin with; it grows when needed.</param>
    internal FrameWriter(int capacity = 512) => _buffer = new ArrayBufferWriter<byte>(capacity);

    /// <summary>The finished frames.</summary>
    internal ReadOnlyMemory<byte> Written => _buffer.WrittenMemory;

    /// <summary>Bytes so far, with those of a frame under way.</summary>
    internal int Length => _buffer.WrittenCount;

    /// <summary>Forgets all frames and keeps the buffer.</summary>
    internal void Reset() => _buffer.ResetWrittenCount();

    /// <summary>Begins a frame that has no correlation id.</summary>
    internal void Begin(StreamCommand command, ushort version = 1) => Begin((ushort)command, version);

    /// <summary>Begins a request.</summary>
    internal void BeginRequest(StreamCommand command, uint correlationId, ushort version = 1)
    {
        Begin((ushort)command, version);
        UInt32(correlationId);
    }

    /// <summary>Begins the answer to a request of the peer.</summary>
    internal void BeginResponse(StreamCommand command, uint correlationId)
    {
        Begin((ushort)((ushort)command | FrameHeader.ResponseBit), 1);
        UInt32(correlationId);
    }

    /// <summary>Completes the frame by its size.</summary>
    internal void End()
    {
        // ArrayBufferWriter hands out no writable view of what is written; the memory below is its own array.
        Span<byte> written = System.Runtime.InteropServices.MemoryMarshal.AsMemory(_buffer.WrittenMemory).Span;
        BinaryPrimitives.WriteUInt32BigEndian(written[_frameStart..], (uint)(_buffer.WrittenCount - _frameStart - 4));
    }

    /// <summary>Overwrites a u32 that was written earlier, for counts known only at the end.</summary>
    /// <param name="position">Where it stands, from the buffer's start.</param>
    /// <param name="value">The value.</param>
    internal void PatchUInt32(int position, uint value) =>
        BinaryPrimitives.WriteUInt32BigEndian(System.Runtime.InteropServices.MemoryMarshal.AsMemory(_buffer.WrittenMemory).Span[position..], value);

    internal void Byte(byte value)
    {
        _buffer.GetSpan(1)[0] = value;
        _buffer.Advance(1);
    }

    internal void UInt16(ushort value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(_buffer.GetSpan(2), value);
        _buffer.Advance(2);
    }

    internal void UInt32(uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(_buffer.GetSpan(4), value);
        _buffer.Advance(4);
    }

    internal void UInt64(ulong value)
    {
        BinaryPrimitives.WriteUInt64BigEndian(_buffer.GetSpan(8), value);
        _buffer.Advance(8);
    }

    /// <summary>Octets without a length.</summary>
    internal void Raw(ReadOnlySpan<byte> value) => _buffer.Write(value);

    /// <summary>Octets behind a u32 length.</summary>
    internal void Bytes(ReadOnlySpan<byte> value)
    {
        UInt32((uint)value.Length);
        _buffer.Write(value);
    }

    /// <exception cref="ArgumentException">It is longer than 32,767 bytes in UTF-8, the protocol's limit.</exception>
    internal void String(string? value)
    {
        if (value is null)
        {
            UInt16(0xFFFF);
            return;
        }

        int length = Encoding.UTF8.GetByteCount(value);
        if (length > short.MaxValue)
        {
            throw new ArgumentException($"The text '{value[..32]}…' is {length} bytes long; the stream protocol carries at most {short.MaxValue}.", nameof(value));
        }

        UInt16((ushort)length);
        Encoding.UTF8.GetBytes(value, _buffer.GetSpan(length));
        _buffer.Advance(length);
    }

    internal void Map(IReadOnlyCollection<KeyValuePair<string, string>> map)
    {
        UInt32((uint)map.Count);
        foreach ((string key, string value) in map)
        {
            String(key);
            String(value);
        }
    }

    private void Begin(ushort key, ushort version)
    {
        _frameStart = _buffer.WrittenCount;
        UInt32(0);
        UInt16(key);
        UInt16(version);
    }
}
