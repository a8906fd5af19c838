using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Streams;

namespace RabbitMqBackup.Engine.Tests.Broker.Streams;

/// <summary>A stream listener on loopback that shakes hands in order, and then does what the test's script says: for failures that a real broker will not produce on demand.</summary>
internal sealed class ScriptedStreamServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<Peer, Task> _script;
    private readonly Task _accepting;

    internal ScriptedStreamServer(Func<Peer, Task> script)
    {
        _script = script;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    internal string Version { get; init; } = "4.3.6";

    /// <summary>With one, the server speaks TLS and asks for the client's certificate.</summary>
    internal X509Certificate2? Certificate { get; init; }

    internal string Mechanism { get; init; } = "PLAIN";

    /// <summary>The last response to the SASL handshake: mechanism and content as they came.</summary>
    internal byte[] SaslResponse { get; private set; } = [];

    /// <summary>Subject of the certificate that the last client showed.</summary>
    internal string? ClientSubject { get; private set; }

    internal uint Heartbeat { get; init; } = 60;

    /// <summary>Advertised by the n-th connection.</summary>
    internal Func<int, StreamNode> Advertise { get; init; } = _ => new StreamNode("node-a", 5552);

    internal int Connections { get; private set; }

    internal DnsEndPoint Endpoint => new("127.0.0.1", ((IPEndPoint)_listener.LocalEndpoint).Port);

    internal BrokerOptions Options => new()
    {
        StreamEndpoint = Endpoint,
        ConnectTimeout = TimeSpan.FromSeconds(5),
        RequestTimeout = TimeSpan.FromSeconds(3),
        Heartbeat = TimeSpan.FromSeconds(1),
    };

    internal Task<StreamConnection> ConnectAsync() => StreamConnection.OpenAsync(Options, Endpoint, "/");

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        List<Task> peers = [];
        try
        {
            while (true)
            {
                TcpClient client = await _listener.AcceptTcpClientAsync(_stop.Token);
                peers.Add(ServeAsync(client, Connections++));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or InvalidOperationException)
        {
            // A listener that was stopped between two calls says InvalidOperationException.
            await Task.WhenAll(peers);
        }
    }

    private async Task ServeAsync(TcpClient client, int number)
    {
        using (client)
        {
            try
            {
                Peer peer = new(await SecureAsync(client.GetStream()), _stop.Token);
                await ShakeHandsAsync(peer, Advertise(number));
                await _script(peer);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or EndOfStreamException or SocketException or AuthenticationException)
            {
                // The client has hung up, or the test is over.
            }
        }
    }

    private async Task<Stream> SecureAsync(NetworkStream stream)
    {
        if (Certificate is null)
        {
            return stream;
        }

        SslStream secured = new(stream);
        await secured.AuthenticateAsServerAsync(
            new SslServerAuthenticationOptions
            {
                ServerCertificate = Certificate,
                ClientCertificateRequired = true,
                RemoteCertificateValidationCallback = (_, _, _, _) => true,
            },
            _stop.Token);
        ClientSubject = secured.RemoteCertificate?.Subject;
        return secured;
    }

    private async Task ShakeHandsAsync(Peer peer, StreamNode advertised)
    {
        await peer.AnswerAsync(StreamCommand.PeerProperties, w => w.Map([new("version", Version)]));
        await peer.AnswerAsync(StreamCommand.SaslHandshake, w =>
        {
            w.UInt32(1);
            w.String(Mechanism);
        });
        SaslResponse = (await peer.AnswerAsync(StreamCommand.SaslAuthenticate, _ => { }))[4..];
        await peer.SendAsync(w => StreamRequests.Tune(w, 1048576, Heartbeat));
        await peer.ExpectAsync(StreamCommand.Tune);
        await peer.AnswerAsync(StreamCommand.Open, w => w.Map([new("advertised_host", advertised.Host), new("advertised_port", $"{advertised.Port}")]));
        if (Version.StartsWith('4'))
        {
            await peer.AnswerAsync(StreamCommand.ExchangeCommandVersions, w => w.UInt32(0));
        }
    }

    /// <summary>The server's end of one connection.</summary>
    internal sealed class Peer(Stream stream, CancellationToken stopped)
    {
        /// <summary>Waits for a request of this kind, heartbeats and credit apart.</summary>
        /// <returns>Its content.</returns>
        internal async Task<byte[]> ExpectAsync(StreamCommand command)
        {
            while (true)
            {
                byte[] size = new byte[4];
                await stream.ReadExactlyAsync(size, stopped);
                byte[] frame = new byte[BinaryPrimitives.ReadInt32BigEndian(size)];
                await stream.ReadExactlyAsync(frame, stopped);
                StreamCommand received = (StreamCommand)BinaryPrimitives.ReadUInt16BigEndian(frame);
                if (received == command)
                {
                    return frame[4..];
                }

                if (received is not (StreamCommand.Heartbeat or StreamCommand.Credit))
                {
                    throw new IOException($"{received} came instead of {command}");
                }
            }
        }

        /// <summary>Waits for a request and answers it with a code and more.</summary>
        /// <returns>The request's content, correlation id first.</returns>
        internal async Task<byte[]> AnswerAsync(StreamCommand command, Action<FrameWriter> content, StreamResponseCode? code = StreamResponseCode.Ok)
        {
            byte[] request = await ExpectAsync(command);
            await SendAsync(w =>
            {
                w.BeginResponse(command, BinaryPrimitives.ReadUInt32BigEndian(request));
                if (code is { } known)
                {
                    w.UInt16((ushort)known);
                }

                content(w);
                w.End();
            });
            return request;
        }

        internal Task AnswerStatsAsync(long first, long committed, long? last = null) => AnswerAsync(StreamCommand.StreamStats, w =>
        {
            w.UInt32(3);
            w.String("last_chunk_id");
            w.UInt64((ulong)(last ?? committed));
            w.String("first_chunk_id");
            w.UInt64((ulong)first);
            w.String("committed_chunk_id");
            w.UInt64((ulong)committed);
        });

        internal Task AnswerMetadataAsync(string streamName, StreamNode leader, params StreamNode[] replicas) => AnswerAsync(
            StreamCommand.Metadata,
            w =>
            {
                StreamNode[] nodes = [leader, .. replicas];
                w.UInt32((uint)nodes.Length);
                for (ushort i = 0; i < nodes.Length; i++)
                {
                    w.UInt16(i);
                    w.String(nodes[i].Host);
                    w.UInt32((uint)nodes[i].Port);
                }

                w.UInt32(1);
                w.String(streamName);
                w.UInt16((ushort)StreamResponseCode.Ok);
                w.UInt16(0);
                w.UInt32((uint)replicas.Length);
                for (ushort i = 1; i < nodes.Length; i++)
                {
                    w.UInt16(i);
                }
            },
            code: null);

        internal async Task SendAsync(Action<FrameWriter> encode)
        {
            FrameWriter writer = new();
            encode(writer);
            await stream.WriteAsync(writer.Written, stopped);
        }

        internal async Task SendAsync(byte[] bytes) => await stream.WriteAsync(bytes, stopped);

        /// <summary>Reads and says nothing, until the client hangs up.</summary>
        internal async Task StaySilentAsync()
        {
            byte[] buffer = new byte[1000];
            while (await stream.ReadAsync(buffer, stopped) > 0)
            {
            }
        }

    }
}
