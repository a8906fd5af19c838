using System.Buffers.Binary;

namespace RabbitMqBackup.Bench.Amqp;

/// <summary>Publishes through the default exchange with pipelined confirms: one thread encodes and sends, another one reads what comes back.</summary>
internal sealed class RawPublisher : IDisposable
{
    private const int SendSize = 64 << 10;

    /// <summary>Flags u16, then content-type, delivery-mode 2, priority 0, message-id, timestamp, app-id.</summary>
    private static readonly byte[] Properties =
        [0x98, 0xC8, 16, .. "application/json"u8, 2, 0, 12, .. "order-123456"u8, 0, 0, 0, 0, 0x65, 0x53, 0xF1, 0x00, 5, .. "bench"u8];

    private readonly RawConnection _connection;
    private readonly string _queue;
    private readonly int _window;
    private readonly object _gate = new();

    private int _confirmed;
    private Exception? _failure;

    internal RawPublisher(Uri amqp, string queue, int window)
    {
        _connection = RawConnection.Open(amqp);
        _queue = queue;
        _window = window;
        _connection.SendMethod(1, new MethodWriter(85, 10).Byte(0));
        _connection.Expect(85, 11);
    }

    /// <summary>Publishes and returns when all are confirmed.</summary>
    /// <param name="messages">How many.</param>
    /// <param name="size">Bytes of a body.</param>
    /// <param name="fill">Writes the next body.</param>
    internal void Publish(int messages, int size, BodyWriter fill)
    {
        Thread reader = new(() => ReadConfirms(messages)) { IsBackground = true };
        reader.Start();
        byte[] method = new MethodWriter(60, 40).UInt16(0).ShortString("").ShortString(_queue).Byte(1).Frame(1);
        byte[] buffer = new byte[SendSize + MessageSize(method.Length, size)];
        byte[] body = new byte[size];
        int length = 0;
        for (int sent = 0; sent < messages; sent++)
        {
            if (length >= SendSize || !HasRoom(sent))
            {
                _connection.Send(buffer.AsSpan(0, length));
                length = 0;
                AwaitRoom(sent);
            }

            fill(body);
            length += Write(buffer.AsSpan(length), method, body);
        }

        _connection.Send(buffer.AsSpan(0, length));
        reader.Join();
        ThrowFailure();
    }

    /// <summary>Writes the next body over the whole span.</summary>
    internal delegate void BodyWriter(Span<byte> body);

    /// <inheritdoc/>
    public void Dispose() => _connection.Dispose();

    private int BodyPerFrame => _connection.FrameMax - RawConnection.FrameOverhead;

    private int MessageSize(int method, int body) => method + Properties.Length + 12 + body + (RawConnection.FrameOverhead * (2 + (body / BodyPerFrame)));

    private int Write(Span<byte> to, ReadOnlySpan<byte> method, ReadOnlySpan<byte> body)
    {
        method.CopyTo(to);
        int at = method.Length;
        // content header: class u16, weight u16, body size u64, property list
        Span<byte> header = OpenFrame(to[at..], RawConnection.HeaderFrame, 12 + Properties.Length);
        BinaryPrimitives.WriteUInt32BigEndian(header, 60u << 16);
        BinaryPrimitives.WriteUInt64BigEndian(header[4..], (ulong)body.Length);
        Properties.CopyTo(header[12..]);
        at += header.Length + RawConnection.FrameOverhead;
        while (body.Length > 0)
        {
            int part = Math.Min(body.Length, BodyPerFrame);
            body[..part].CopyTo(OpenFrame(to[at..], RawConnection.BodyFrame, part));
            at += part + RawConnection.FrameOverhead;
            body = body[part..];
        }

        return at;
    }

    private static Span<byte> OpenFrame(Span<byte> to, byte type, int size)
    {
        to[0] = type;
        BinaryPrimitives.WriteUInt16BigEndian(to[1..], 1);
        BinaryPrimitives.WriteInt32BigEndian(to[3..], size);
        to[RawConnection.FrameHeaderSize + size] = 0xCE;
        return to.Slice(RawConnection.FrameHeaderSize, size);
    }

    private bool HasRoom(int sent) => sent - Volatile.Read(ref _confirmed) < _window;

    private void AwaitRoom(int sent)
    {
        lock (_gate)
        {
            while (!HasRoom(sent) && _failure is null)
            {
                Monitor.Wait(_gate);
            }
        }

        ThrowFailure();
    }

    private void ThrowFailure()
    {
        if (Volatile.Read(ref _failure) is { } failure)
        {
            throw new BenchException(failure.Message);
        }
    }

    private void ReadConfirms(int messages)
    {
        ConfirmLedger ledger = new(messages);
        byte[] buffer = new byte[64 << 10];
        int start = 0, end = 0;
        try
        {
            while (ledger.Count < messages)
            {
                buffer.AsSpan(start, end - start).CopyTo(buffer);
                end -= start;
                end += _connection.Receive(buffer.AsSpan(end));
                start = TakeFrames(buffer.AsSpan(0, end), ledger);
                lock (_gate)
                {
                    _confirmed = ledger.Count;
                    Monitor.Pulse(_gate);
                }
            }
        }
        catch (Exception e) when (e is BenchException or System.Net.Sockets.SocketException)
        {
            lock (_gate)
            {
                _failure = e;
                Monitor.Pulse(_gate);
            }
        }
    }

    /// <returns>Bytes of the frames that were whole.</returns>
    private static int TakeFrames(ReadOnlySpan<byte> bytes, ConfirmLedger ledger)
    {
        int at = 0;
        while (bytes.Length - at >= RawConnection.FrameHeaderSize)
        {
            int size = BinaryPrimitives.ReadInt32BigEndian(bytes[(at + 3)..]);
            if (bytes.Length - at < size + RawConnection.FrameOverhead)
            {
                break;
            }

            if (bytes[at] == RawConnection.MethodFrame)
            {
                ReadOnlySpan<byte> method = bytes.Slice(at + RawConnection.FrameHeaderSize, size);
                (ushort classId, ushort methodId) = RawConnection.MethodId(method);
                if ((classId, methodId) != (60, 80))
                {
                    throw RawConnection.Unexpected(classId, methodId, method[4..]);
                }

                ledger.Acknowledge(BinaryPrimitives.ReadUInt64BigEndian(method[4..]), method[12] != 0);
            }

            at += size + RawConnection.FrameOverhead;
        }

        return at;
    }
}
