using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace RabbitMqBackup.Engine.Tests.Broker.Amqp;

/// <summary>Builds AMQP bytes by hand, independently of the engine's writers.</summary>
internal static class Wire
{
    internal static byte[] Frame(byte type, ushort channel, params byte[][] payload)
    {
        byte[] joined = Join(payload);
        return [type, .. U16(channel), .. U32((uint)joined.Length), .. joined, 0xCE];
    }

    internal static byte[] Method(ushort channel, ushort classId, ushort methodId, params byte[][] arguments) =>
        Frame(1, channel, [.. U16(classId), .. U16(methodId)], Join(arguments));

    internal static byte[] Header(ushort channel, ulong bodySize, params byte[] properties) =>
        Frame(2, channel, U16(60), U16(0), U64(bodySize), properties.Length == 0 ? [0, 0] : properties);

    internal static byte[] Body(ushort channel, byte[] body) => Frame(3, channel, body);

    internal static byte[] Heartbeat() => Frame(8, 0);

    internal static byte[] Deliver(ushort channel, string consumerTag, ulong deliveryTag, string routingKey, byte[] body, byte[]? properties = null) => Join(
    [
        Method(channel, 60, 60, Short(consumerTag), U64(deliveryTag), [0], Short(""), Short(routingKey)),
        Header(channel, (ulong)body.Length, properties ?? []),
        body.Length == 0 ? [] : Body(channel, body),
    ]);

    internal static byte[] Close(ushort channel, ushort code, string text, ushort causeClass, ushort causeMethod) =>
        Method(channel, channel == 0 ? (ushort)10 : (ushort)20, channel == 0 ? (ushort)50 : (ushort)40, U16(code), Short(text), U16(causeClass), U16(causeMethod));

    internal static byte[] U16(ushort value)
    {
        byte[] bytes = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, value);
        return bytes;
    }

    internal static byte[] U32(uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    internal static byte[] U64(ulong value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return bytes;
    }

    internal static byte[] Short(string value) => [(byte)Encoding.UTF8.GetByteCount(value), .. Encoding.UTF8.GetBytes(value)];

    internal static byte[] Long(string value) => [.. U32((uint)Encoding.UTF8.GetByteCount(value)), .. Encoding.UTF8.GetBytes(value)];

    internal static byte[] Join(byte[][] parts) => [.. parts.SelectMany(part => part)];

    /// <summary>The bytes as a sequence of pieces of at most this size.</summary>
    internal static ReadOnlySequence<byte> InPieces(byte[] bytes, int size)
    {
        Piece first = new(bytes.AsMemory(0, Math.Min(size, bytes.Length)), null);
        Piece last = first;
        for (int at = size; at < bytes.Length; at += size)
        {
            last = new Piece(bytes.AsMemory(at, Math.Min(size, bytes.Length - at)), last);
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        internal Piece(ReadOnlyMemory<byte> memory, Piece? previous)
        {
            Memory = memory;
            if (previous is not null)
            {
                RunningIndex = previous.RunningIndex + previous.Memory.Length;
                previous.Next = this;
            }
        }
    }
}
