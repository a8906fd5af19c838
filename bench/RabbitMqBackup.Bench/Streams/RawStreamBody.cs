using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace RabbitMqBackup.Bench.Streams;

/// <summary>Builds one frame: <c>size:u32 key:u16 version:u16 content</c>, big-endian.</summary>
internal sealed class RawStreamBody
{
    private readonly ArrayBufferWriter<byte> _bytes = new();

    /// <param name="key">The command.</param>
    internal RawStreamBody(ushort key)
    {
        UInt32(0);
        UInt32(((uint)key << 16) | 1);
    }

    internal RawStreamBody Raw(ReadOnlySpan<byte> value)
    {
        _bytes.Write(value);
        return this;
    }

    internal RawStreamBody UInt16(ushort value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(_bytes.GetSpan(2), value);
        _bytes.Advance(2);
        return this;
    }

    internal RawStreamBody UInt32(uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(_bytes.GetSpan(4), value);
        _bytes.Advance(4);
        return this;
    }

    internal RawStreamBody String(string value) => UInt16((ushort)Encoding.UTF8.GetByteCount(value)).Raw(Encoding.UTF8.GetBytes(value));

    internal RawStreamBody Bytes(ReadOnlySpan<byte> value) => UInt32((uint)value.Length).Raw(value);

    internal byte[] Frame()
    {
        byte[] frame = _bytes.WrittenSpan.ToArray();
        BinaryPrimitives.WriteInt32BigEndian(frame, frame.Length - 4);
        return frame;
    }
}
