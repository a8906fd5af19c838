using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace RabbitMqBackup.Bench.Amqp;

/// <summary>
/// A plain socket on which AMQP 0-9-1 has been spoken up to an open channel 1, with no more code around it than that takes: the limit that a client can reach.
/// Frame: type u8, channel u16, size u32, payload, 0xCE; integers are big-endian.
/// </summary>
internal sealed class RawConnection : IDisposable
{
    internal const byte MethodFrame = 1, HeaderFrame = 2, BodyFrame = 3, HeartbeatFrame = 8;
    internal const int FrameHeaderSize = 7, FrameOverhead = 8;

    private readonly Socket _socket;
    private readonly byte[] _scratch = new byte[4096];

    private RawConnection(Socket socket) => _socket = socket;

    /// <summary>Largest frame in bytes, with its overhead; 0 never.</summary>
    internal int FrameMax { get; private set; }

    /// <summary>Connects, authenticates and opens channel 1.</summary>
    internal static RawConnection Open(Uri amqp)
    {
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(amqp.Host, amqp.Port);
        RawConnection connection = new(socket);
        string[] credential = amqp.UserInfo.Split(':');
        string virtualHost = Uri.UnescapeDataString(amqp.AbsolutePath.TrimStart('/'));
        connection.Send("AMQP\0\0\x09\x01"u8);
        connection.Expect(10, 10);
        connection.SendMethod(0, new MethodWriter(10, 11).EmptyTable().ShortString("PLAIN").LongString($"\0{Uri.UnescapeDataString(credential[0])}\0{Uri.UnescapeDataString(credential[1])}").ShortString("en_US"));
        ReadOnlySpan<byte> tune = connection.Expect(10, 30);
        connection.FrameMax = (int)BinaryPrimitives.ReadUInt32BigEndian(tune[2..]);
        connection.SendMethod(0, new MethodWriter(10, 31).UInt16(1).UInt32((uint)connection.FrameMax).UInt16(0));
        connection.SendMethod(0, new MethodWriter(10, 40).ShortString(virtualHost).ShortString("").Byte(0));
        connection.Expect(10, 41);
        connection.SendMethod(1, new MethodWriter(20, 10).ShortString(""));
        connection.Expect(20, 11);
        return connection;
    }

    /// <summary>Sends bytes that are whole frames.</summary>
    internal void Send(ReadOnlySpan<byte> frames)
    {
        while (frames.Length > 0)
        {
            frames = frames[_socket.Send(frames)..];
        }
    }

    /// <summary>Sends one method on a channel.</summary>
    internal void SendMethod(ushort channel, MethodWriter method) => Send(method.Frame(channel));

    /// <summary>Receives what there is.</summary>
    /// <exception cref="BenchException">The broker has closed the connection.</exception>
    internal int Receive(Span<byte> buffer)
    {
        int count = _socket.Receive(buffer);
        return count > 0 ? count : throw new BenchException("The broker closed the connection.");
    }

    /// <summary>Reads frames up to a method and gives its arguments, valid until the next call. For set-up, not for the data path.</summary>
    internal ReadOnlySpan<byte> Expect(ushort classId, ushort methodId)
    {
        while (true)
        {
            ReceiveExactly(_scratch.AsSpan(0, FrameHeaderSize));
            byte type = _scratch[0];
            int size = BinaryPrimitives.ReadInt32BigEndian(_scratch.AsSpan(3));
            ReceiveExactly(_scratch.AsSpan(0, size + 1));
            if (type == HeartbeatFrame)
            {
                continue;
            }

            (ushort gotClass, ushort gotMethod) = MethodId(_scratch);
            return (gotClass, gotMethod) == (classId, methodId)
                ? _scratch.AsSpan(4, size - 4)
                : throw Unexpected(gotClass, gotMethod, _scratch.AsSpan(4, size - 4));
        }
    }

    /// <summary>Class and method of a method frame's payload.</summary>
    internal static (ushort Class, ushort Method) MethodId(ReadOnlySpan<byte> payload) =>
        (BinaryPrimitives.ReadUInt16BigEndian(payload), BinaryPrimitives.ReadUInt16BigEndian(payload[2..]));

    /// <summary>What a method that does not belong here means; a close tells its reason.</summary>
    internal static BenchException Unexpected(ushort classId, ushort methodId, ReadOnlySpan<byte> arguments) =>
        (classId, methodId) is (10, 50) or (20, 40)
            ? new($"The broker closed: {BinaryPrimitives.ReadUInt16BigEndian(arguments)} {Encoding.UTF8.GetString(arguments.Slice(3, arguments[2]))}")
            : new($"The broker sent method {classId}.{methodId}, which has no place here.");

    /// <summary>Drops the connection: the broker puts back what it had delivered.</summary>
    public void Dispose() => _socket.Dispose();

    private void ReceiveExactly(Span<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            buffer = buffer[Receive(buffer)..];
        }
    }
}
