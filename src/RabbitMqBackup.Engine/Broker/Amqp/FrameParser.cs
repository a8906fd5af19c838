using System.Buffers;
using System.Buffers.Binary;

namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>
/// Cuts frames out of a byte stream.
/// <code>
/// frame = type u8 · channel u16 · size u32 · payload (size octets) · 0xCE        big-endian
/// </code>
/// </summary>
internal static class FrameParser
{
    /// <summary>Octets of a frame before its payload.</summary>
    internal const int HeaderSize = 7;

    /// <summary>Octets of a frame that are not payload; frame_max counts them.</summary>
    internal const int Overhead = HeaderSize + 1;

    /// <summary>Last octet of a frame.</summary>
    internal const byte End = 0xCE;

    /// <summary>
    /// What a content header may exceed frame_max by: the broker splits bodies but never a header, which it lets grow (x-death) after a message was taken.
    /// </summary>
    internal const int HeaderAllowance = 4 << 20;

    /// <summary>Takes the first frame off the buffer, or returns false while it is not whole.</summary>
    /// <param name="buffer">Bytes received; starts behind the frame afterwards.</param>
    /// <param name="frameMax">Negotiated size of a whole frame.</param>
    /// <param name="frame">The frame; its payload borrows the buffer.</param>
    /// <exception cref="AmqpProtocolException">Unknown type, too large, or a wrong end octet. Nothing has been allocated for it.</exception>
    internal static bool TryRead(ref ReadOnlySequence<byte> buffer, int frameMax, out Frame frame)
    {
        frame = default;
        if (buffer.IsEmpty)
        {
            return false;
        }

        ReadOnlySpan<byte> first = buffer.FirstSpan;
        FrameType type = (FrameType)first[0];
        if (type is not (FrameType.Method or FrameType.Header or FrameType.Body or FrameType.Heartbeat))
        {
            throw new AmqpProtocolException($"unknown frame type {first[0]}");
        }

        if (first.Length < HeaderSize)
        {
            if (buffer.Length < HeaderSize)
            {
                return false;
            }

            Span<byte> copy = stackalloc byte[HeaderSize];
            buffer.Slice(0, HeaderSize).CopyTo(copy);
            return TryReadBody(ref buffer, type, BinaryPrimitives.ReadUInt16BigEndian(copy[1..]), BinaryPrimitives.ReadUInt32BigEndian(copy[3..]), frameMax, out frame);
        }

        return TryReadBody(ref buffer, type, BinaryPrimitives.ReadUInt16BigEndian(first[1..]), BinaryPrimitives.ReadUInt32BigEndian(first[3..]), frameMax, out frame);
    }

    private static bool TryReadBody(ref ReadOnlySequence<byte> buffer, FrameType type, ushort channel, uint size, int frameMax, out Frame frame)
    {
        frame = default;
        long limit = (long)frameMax - Overhead + (type == FrameType.Header ? HeaderAllowance : 0);
        if (size > limit)
        {
            throw new AmqpProtocolException($"a frame of type {type} announces {size} octets; at most {limit} are allowed");
        }

        ReadOnlySpan<byte> first = buffer.FirstSpan;
        long whole = (long)size + Overhead;
        if (buffer.Length < whole)
        {
            return false;
        }

        byte end = first.Length >= whole ? first[(int)whole - 1] : buffer.Slice(whole - 1).FirstSpan[0];
        if (end != End)
        {
            throw new AmqpProtocolException($"a frame of type {type} ends with octet 0x{end:X2} instead of 0xCE");
        }

        frame = new Frame(type, channel, buffer.Slice(HeaderSize, size));
        buffer = buffer.Slice(whole);
        return true;
    }
}
