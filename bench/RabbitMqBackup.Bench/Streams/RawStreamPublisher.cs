using System.Buffers.Binary;
using System.Net.Sockets;

namespace RabbitMqBackup.Bench.Streams;

/// <summary>Publishes messages with so many in a frame and a window of unconfirmed ones: the limit of any publisher.</summary>
/// <param name="connection">Its own.</param>
/// <param name="reference">The publisher's name: with one the broker looks for each message whether it has it already. Empty for none.</param>
internal sealed class RawStreamPublisher(RawStream connection, string reference = "")
{
    /// <summary>Largest frame that a broker takes by default.</summary>
    private const int FrameMax = 1 << 20;

    private const int MaxPerFrame = 500;
    private const int Window = 10_000;

    /// <summary>One frame can confirm the whole window, 8 bytes each.</summary>
    private readonly byte[] _input = new byte[64 + (16 * Window)];
    private int _inputEnd;

    /// <summary>Publishes and waits for the last confirm.</summary>
    /// <param name="stream">The stream, which is there.</param>
    /// <param name="messages">How many.</param>
    /// <param name="bodies">Makes them; all of one size.</param>
    internal void Run(string stream, int messages, MessageBodies bodies)
    {
        connection.Ask(1, body => body.Raw([0]).String(reference).String(stream));
        int entry = 8 + 4 + 8 + bodies.Size;
        int perFrame = Math.Clamp((FrameMax - 64) / entry, 1, MaxPerFrame);
        byte[] frame = new byte[13 + (perFrame * entry)];
        long confirmed = 0;
        for (int sent = 0; sent < messages;)
        {
            int count = Math.Min(perFrame, messages - sent);
            while (sent + count - confirmed > Window)
            {
                confirmed += Confirms();
            }

            int length = Build(frame, sent, count, bodies);
            for (int at = 0; at < length;)
            {
                at += connection.Socket.Send(frame.AsSpan(at, length - at));
            }

            sent += count;
        }

        while (confirmed < messages)
        {
            confirmed += Confirms();
        }
    }

    /// <summary><code>size key=2 version=1 publisher count (id length 0x005375B0 length body)*</code></summary>
    private static int Build(Span<byte> frame, int first, int count, MessageBodies bodies)
    {
        int at = 13;
        for (int i = 0; i < count; i++)
        {
            BinaryPrimitives.WriteInt64BigEndian(frame[at..], first + i + 1);
            BinaryPrimitives.WriteInt32BigEndian(frame[(at + 8)..], 8 + bodies.Size);
            BinaryPrimitives.WriteUInt32BigEndian(frame[(at + 12)..], 0x005375B0);
            BinaryPrimitives.WriteInt32BigEndian(frame[(at + 16)..], bodies.Size);
            bodies.Next(frame.Slice(at + 20, bodies.Size));
            at += 20 + bodies.Size;
        }

        BinaryPrimitives.WriteInt32BigEndian(frame, at - 4);
        BinaryPrimitives.WriteUInt32BigEndian(frame[4..], (2u << 16) | 1);
        frame[8] = 0;
        BinaryPrimitives.WriteInt32BigEndian(frame[9..], count);
        return at;
    }

    /// <summary>Receives once, and counts the ids in the confirms that are whole.</summary>
    private int Confirms()
    {
        _inputEnd += connection.Socket.Receive(_input.AsSpan(_inputEnd), SocketFlags.None) is > 0 and int read ? read : throw new BenchException("The broker hung up.");
        int at = 0;
        int ids = 0;
        while (_inputEnd - at >= 4 && BinaryPrimitives.ReadInt32BigEndian(_input.AsSpan(at)) is var size && _inputEnd - at >= 4 + size)
        {
            if (BinaryPrimitives.ReadUInt16BigEndian(_input.AsSpan(at + 4)) == 3)
            {
                ids += BinaryPrimitives.ReadInt32BigEndian(_input.AsSpan(at + 9));
            }

            at += 4 + size;
        }

        _input.AsSpan(at, _inputEnd - at).CopyTo(_input);
        _inputEnd -= at;
        return ids;
    }
}
