using System.Buffers.Binary;

namespace RabbitMqBackup.Bench.Amqp;

/// <summary>Consumes without acknowledging, walks the frames that come and drops them.</summary>
internal static class RawDrain
{
    private const int BufferSize = 256 << 10;
    private const byte FirstConsumer = (byte)'a';

    /// <summary>Receives a number of messages; they go back into the queue when the connection is disposed.</summary>
    /// <param name="connection">With an open channel.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="messages">How many it holds.</param>
    /// <param name="prefetch">Of one consumer; when one is full, the next is added.</param>
    internal static void Run(RawConnection connection, string queue, int messages, ushort prefetch)
    {
        connection.SendMethod(1, new MethodWriter(60, 10).UInt32(0).UInt16(prefetch).Byte(0));
        connection.Expect(60, 11);
        Consume(connection, queue, 0);
        byte[] buffer = new byte[BufferSize];
        int start = 0, end = 0, skip = 0, received = 0, consumers = 1;
        long bodyLeft = 0;
        while (received < messages)
        {
            if (start > 0)
            {
                buffer.AsSpan(start, end - start).CopyTo(buffer);
                end -= start;
                start = 0;
            }

            end += connection.Receive(buffer.AsSpan(end));
            while (true)
            {
                int step = Math.Min(skip, end - start);
                start += step;
                skip -= step;
                if (skip > 0 || end - start < RawConnection.FrameHeaderSize)
                {
                    break;
                }

                ReadOnlySpan<byte> frame = buffer.AsSpan(start, end - start);
                int size = BinaryPrimitives.ReadInt32BigEndian(frame[3..]);
                if (frame[0] == RawConnection.BodyFrame)
                {
                    skip = size + RawConnection.FrameOverhead;
                    bodyLeft -= size;
                    received += bodyLeft == 0 ? 1 : 0;
                }
                else if (frame.Length < size + RawConnection.FrameOverhead)
                {
                    break;
                }
                else
                {
                    bodyLeft = frame[0] == RawConnection.HeaderFrame ? (long)BinaryPrimitives.ReadUInt64BigEndian(frame[11..]) : Check(frame.Slice(7, size), bodyLeft);
                    received += frame[0] == RawConnection.HeaderFrame && bodyLeft == 0 ? 1 : 0;
                    skip = size + RawConnection.FrameOverhead;
                }
            }

            if (received == consumers * prefetch && received < messages)
            {
                Consume(connection, queue, consumers++);
            }
        }
    }

    private static void Consume(RawConnection connection, string queue, int number)
    {
        // no-local, no-ack, exclusive and no-wait are the bits of the flags: none
        string tag = $"{(char)(FirstConsumer + (number / 26))}{(char)(FirstConsumer + (number % 26))}";
        connection.SendMethod(1, new MethodWriter(60, 20).UInt16(0).ShortString(queue).ShortString(tag).Byte(0).EmptyTable());
    }

    private static long Check(ReadOnlySpan<byte> method, long bodyLeft)
    {
        (ushort classId, ushort methodId) = RawConnection.MethodId(method);
        return (classId, methodId) is (60, 60) or (60, 21) ? bodyLeft : throw RawConnection.Unexpected(classId, methodId, method[4..]);
    }
}
