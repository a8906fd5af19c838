using System.Buffers;
using System.Buffers.Binary;

namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>
/// Writes basic.publish and its content.
/// <code>
/// method  = reserved u16 · exchange shortstr · routing-key shortstr · (mandatory, immediate) bits
/// header  = type 2 · channel u16 · size u32 · class-id u16 (60) · weight u16 (0) · body-size u64 · property list as given · 0xCE
/// body    = (type 3 · channel u16 · size u32 · part of the body · 0xCE)*        at most frame_max octets each; none for an empty body
/// </code>
/// </summary>
internal static class ContentWriter
{
    private const ushort BasicClass = 60;
    private const int HeaderPrefix = 12;

    /// <summary>Largest property list that fits a header frame.</summary>
    internal static int MaxProperties(int frameMax) => frameMax - FrameParser.Overhead - HeaderPrefix;

    /// <summary>Writes the method and the header.</summary>
    internal static void WriteStart(
        IBufferWriter<byte> output, ushort channel, ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey, bool mandatory, in ReadOnlySequence<byte> properties, long bodySize)
    {
        MethodWriter method = new(output, channel, MethodId.BasicPublish, 3 + exchange.Length + routingKey.Length + 2);
        method.UInt16(0);
        method.ShortString(exchange);
        method.ShortString(routingKey);
        method.UInt8(mandatory ? (byte)1 : (byte)0);
        method.End();

        int size = HeaderPrefix + (int)properties.Length;
        Span<byte> span = output.GetSpan(FrameParser.Overhead + size);
        WriteFrameHeader(span, FrameType.Header, channel, size);
        Span<byte> payload = span.Slice(FrameParser.HeaderSize, size);
        BinaryPrimitives.WriteUInt16BigEndian(payload, BasicClass);
        BinaryPrimitives.WriteUInt16BigEndian(payload[2..], 0);
        BinaryPrimitives.WriteUInt64BigEndian(payload[4..], (ulong)bodySize);
        properties.CopyTo(payload[HeaderPrefix..]);
        span[FrameParser.HeaderSize + size] = FrameParser.End;
        output.Advance(FrameParser.Overhead + size);
    }

    /// <summary>Writes one body frame with the first part of the body, and takes that part off it.</summary>
    internal static void WriteBodyFrame(IBufferWriter<byte> output, ushort channel, int frameMax, ref ReadOnlySequence<byte> body)
    {
        int size = (int)Math.Min(body.Length, frameMax - FrameParser.Overhead);
        Span<byte> span = output.GetSpan(FrameParser.Overhead + size);
        WriteFrameHeader(span, FrameType.Body, channel, size);
        body.Slice(0, size).CopyTo(span[FrameParser.HeaderSize..]);
        span[FrameParser.HeaderSize + size] = FrameParser.End;
        output.Advance(FrameParser.Overhead + size);
        body = body.Slice(size);
    }

    private static void WriteFrameHeader(Span<byte> span, FrameType type, ushort channel, int size)
    {
        span[0] = (byte)type;
        BinaryPrimitives.WriteUInt16BigEndian(span[1..], channel);
        BinaryPrimitives.WriteUInt32BigEndian(span[3..], (uint)size);
    }
}
