using System.Buffers.Binary;
using System.Text;

namespace RabbitMqBackup.Bench.Amqp;

/// <summary>Builds a method frame: class u16, method u16, arguments.</summary>
internal sealed class MethodWriter
{
    private readonly List<byte> _bytes = [];

    internal MethodWriter(ushort classId, ushort methodId) => UInt16(classId).UInt16(methodId);

    internal MethodWriter Byte(byte value)
    {
        _bytes.Add(value);
        return this;
    }

    internal MethodWriter UInt16(ushort value) => Byte((byte)(value >> 8)).Byte((byte)value);

    internal MethodWriter UInt32(uint value) => UInt16((ushort)(value >> 16)).UInt16((ushort)value);

    internal MethodWriter ShortString(string value)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(value);
        Byte((byte)bytes.Length)._bytes.AddRange(bytes);
        return this;
    }

    internal MethodWriter LongString(string value)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(value);
        UInt32((uint)bytes.Length)._bytes.AddRange(bytes);
        return this;
    }

    internal MethodWriter EmptyTable() => UInt32(0);

    /// <summary>The whole frame.</summary>
    internal byte[] Frame(ushort channel)
    {
        byte[] frame = new byte[_bytes.Count + RawConnection.FrameOverhead];
        frame[0] = RawConnection.MethodFrame;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(1), channel);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(3), _bytes.Count);
        _bytes.CopyTo(frame, RawConnection.FrameHeaderSize);
        frame[^1] = 0xCE;
        return frame;
    }
}
