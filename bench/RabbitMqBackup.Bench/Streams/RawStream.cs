using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace RabbitMqBackup.Bench.Streams;

/// <summary>A connection of the stream protocol on a plain blocking socket, with nothing that a measurement does not need.</summary>
internal sealed class RawStream : IDisposable
{
    private readonly Socket _socket;
    private uint _correlation;

    private RawStream(Socket socket) => _socket = socket;

    /// <summary>The socket, for those who receive Deliver frames by themselves.</summary>
    internal Socket Socket => _socket;

    /// <summary>Connects, authenticates and opens the virtual host.</summary>
    internal static RawStream Open(Uri amqp, int port)
    {
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(amqp.Host, port);
        RawStream stream = new(socket);
        stream.Ask(17, body => body.UInt32(0));
        stream.Ask(18, _ => { });
        string[] credential = amqp.UserInfo.Split(':');
        stream.Ask(19, body =>
        {
            body.String("PLAIN");
            body.Bytes(Encoding.UTF8.GetBytes($"\0{Uri.UnescapeDataString(credential[0])}\0{Uri.UnescapeDataString(credential[1])}"));
        });
        byte[] tune = stream.Receive(20);
        stream.Send(20, body => body.Raw(tune.AsSpan(4, 4)).UInt32(0));
        stream.Ask(21, body => body.String(Uri.UnescapeDataString(amqp.AbsolutePath[1..]) is { Length: > 0 } name ? name : "/"));
        return stream;
    }

    /// <summary>Creates a stream; one that is there is deleted first.</summary>
    internal void Create(string name)
    {
        Ask(14, body => body.String(name), okay: false);
        Ask(13, body => body.String(name).UInt32(0));
    }

    /// <summary>Deletes a stream.</summary>
    internal void Delete(string name) => Ask(14, body => body.String(name));

    /// <summary>Offset of the last committed chunk.</summary>
    internal ulong LastChunk(string name)
    {
        byte[] answer = Ask(28, body => body.String(name));
        int at = 6;
        for (int i = BinaryPrimitives.ReadInt32BigEndian(answer.AsSpan(2)); i > 0; i--)
        {
            int length = BinaryPrimitives.ReadUInt16BigEndian(answer.AsSpan(at));
            if (Encoding.ASCII.GetString(answer, at + 2, length) == "committed_chunk_id")
            {
                return BinaryPrimitives.ReadUInt64BigEndian(answer.AsSpan(at + 2 + length));
            }

            at += 2 + length + 8;
        }

        throw new BenchException("The broker tells no committed chunk.");
    }

    /// <summary>Sends a request and waits for its answer.</summary>
    /// <returns>Response code and what follows.</returns>
    internal byte[] Ask(ushort key, Action<RawStreamBody> write, bool okay = true)
    {
        uint id = ++_correlation;
        Send(key, body =>
        {
            body.UInt32(id);
            write(body);
        });
        byte[] answer = Receive((ushort)(key | 0x8000))[8..];
        ushort code = BinaryPrimitives.ReadUInt16BigEndian(answer);
        return code == 1 || !okay ? answer : throw new BenchException($"The broker answered command {key} with code {code}.");
    }

    /// <summary>Sends a frame.</summary>
    internal void Send(ushort key, Action<RawStreamBody> write)
    {
        RawStreamBody body = new(key);
        write(body);
        _socket.Send(body.Frame());
    }

    /// <summary>Receives frames until one of this key comes.</summary>
    /// <returns>Key, version and content.</returns>
    internal byte[] Receive(ushort key)
    {
        while (true)
        {
            byte[] size = Exactly(4);
            byte[] frame = Exactly(BinaryPrimitives.ReadInt32BigEndian(size));
            if (BinaryPrimitives.ReadUInt16BigEndian(frame) == key)
            {
                return frame;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private byte[] Exactly(int count)
    {
        byte[] bytes = new byte[count];
        for (int at = 0; at < count;)
        {
            int read = _socket.Receive(bytes.AsSpan(at));
            at += read > 0 ? read : throw new BenchException("The broker hung up.");
        }

        return bytes;
    }
}
