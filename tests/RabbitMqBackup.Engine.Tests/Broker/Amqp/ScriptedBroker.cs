using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Amqp;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker.Amqp;

/// <summary>A listener on loopback that plays AMQP frames as a test tells it to, for what a real broker will not do on demand. Each connection runs the script.</summary>
internal sealed class ScriptedBroker : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _peers = [];
    private readonly Task _accepting;

    private ScriptedBroker(Func<ScriptedPeer, Task> script, SslServerAuthenticationOptions? tls)
    {
        _listener.Start();
        _accepting = AcceptAsync(script, tls);
    }

    /// <summary>How to reach it, with short time-outs.</summary>
    internal BrokerOptions Options => new()
    {
        Endpoints = [new DnsEndPoint("localhost", ((IPEndPoint)_listener.LocalEndpoint).Port, AddressFamily.InterNetwork)],
        ConnectTimeout = TimeSpan.FromSeconds(10),
        RequestTimeout = TimeSpan.FromSeconds(10),
        Heartbeat = TimeSpan.FromSeconds(30),
    };

    internal static ScriptedBroker Start(Func<ScriptedPeer, Task> script, SslServerAuthenticationOptions? tls = null) => new(script, tls);

    /// <summary>Ends, and throws what a script threw.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        _listener.Stop();
        await Task.WhenAll(_peers).WaitAsync(TimeSpan.FromSeconds(10));
        _stop.Dispose();
    }

    private async Task AcceptAsync(Func<ScriptedPeer, Task> script, SslServerAuthenticationOptions? tls)
    {
        try
        {
            while (true)
            {
                TcpClient client = await _listener.AcceptTcpClientAsync(_stop.Token);
                _peers.Add(PlayAsync(client, script, tls));
            }
        }
        catch (OperationCanceledException)
        {
            // The end of the test.
        }
    }

    private async Task PlayAsync(TcpClient client, Func<ScriptedPeer, Task> script, SslServerAuthenticationOptions? tls)
    {
        using (client)
        {
            try
            {
                Stream stream = client.GetStream();
                if (tls is not null)
                {
                    SslStream secured = new(stream);
                    await secured.AuthenticateAsServerAsync(tls, _stop.Token);
                    stream = secured;
                }

                await script(new ScriptedPeer(stream, _stop.Token));
            }
            catch (Exception exception) when (exception is IOException or OperationCanceledException or System.Security.Authentication.AuthenticationException)
            {
                // The client left, or refused the certificate.
            }
        }
    }
}

/// <summary>The broker's end of one connection.</summary>
internal sealed class ScriptedPeer(Stream stream, CancellationToken stopped)
{
    /// <summary>Cancelled when the test ends.</summary>
    internal CancellationToken Stopped => stopped;

    /// <summary>Heartbeats that the client sent before the methods that were read.</summary>
    internal int Heartbeats { get; private set; }

    internal async Task SendAsync(params byte[][] frames) => await stream.WriteAsync(Wire.Join(frames), stopped);

    /// <summary>Until the test ends.</summary>
    internal Task HangAsync() => Task.Delay(Timeout.Infinite, stopped);

    /// <summary>The next frame that is no heartbeat.</summary>
    internal async Task<(byte Type, ushort Channel, byte[] Payload)> ReadFrameAsync()
    {
        while (true)
        {
            byte[] head = new byte[7];
            await stream.ReadExactlyAsync(head, stopped);
            byte[] rest = new byte[(head[3] << 24) + (head[4] << 16) + (head[5] << 8) + head[6] + 1];
            await stream.ReadExactlyAsync(rest, stopped);
            Assert.Equal(0xCE, rest[^1]);
            if (head[0] != 8)
            {
                return (head[0], (ushort)((head[1] << 8) + head[2]), rest[..^1]);
            }

            Heartbeats++;
        }
    }

    /// <summary>Reads a method and checks that it is this one; returns its arguments.</summary>
    internal async Task<byte[]> ExpectAsync(MethodId method)
    {
        (byte type, _, byte[] payload) = await ReadFrameAsync();
        Assert.Equal(1, type);
        Assert.Equal(method, (MethodId)new AmqpReader(payload).ReadUInt32());
        return payload[4..];
    }

    /// <summary>Reads the protocol header, sends start, reads start-ok; returns its arguments.</summary>
    internal async Task<byte[]> StartAsync(string mechanisms = "PLAIN EXTERNAL")
    {
        byte[] header = new byte[8];
        await stream.ReadExactlyAsync(header, stopped);
        Assert.Equal("AMQP\0\0\t\u0001"u8.ToArray(), header);
        await SendAsync(Wire.Method(0, 10, 10, [0, 9], Wire.U32(0), Wire.Long(mechanisms), Wire.Long("en_US")));
        return await ExpectAsync(MethodId.ConnectionStartOk);
    }

    /// <summary>The whole opening, up to open-ok.</summary>
    internal async Task OpenAsync(ushort heartbeat = 0, uint frameMax = 131_072, ushort channelMax = 2047)
    {
        await StartAsync();
        await SendAsync(Wire.Method(0, 10, 30, Wire.U16(channelMax), Wire.U32(frameMax), Wire.U16(heartbeat)));
        await ExpectAsync(MethodId.ConnectionTuneOk);
        await ExpectAsync(MethodId.ConnectionOpen);
        await SendAsync(Wire.Method(0, 10, 41, Wire.Short("")));
    }

    /// <summary>Answers the client's opening of a channel.</summary>
    internal async Task OpenChannelAsync(ushort channel)
    {
        await ExpectAsync(MethodId.ChannelOpen);
        await SendAsync(Wire.Method(channel, 20, 11, Wire.U32(0)));
    }

    /// <summary>Answers a passive declare.</summary>
    internal async Task DeclareAsync(ushort channel, uint ready, uint consumers = 0)
    {
        await ExpectAsync(MethodId.QueueDeclare);
        await SendAsync(Wire.Method(channel, 50, 11, Wire.Short("q"), Wire.U32(ready), Wire.U32(consumers)));
    }

    /// <summary>Answers qos and consume; returns the prefetch count and the consumer's tag.</summary>
    internal async Task<(ushort Prefetch, string Tag)> ConsumeAsync(ushort channel)
    {
        byte[] qos = await ExpectAsync(MethodId.BasicQos);
        await SendAsync(Wire.Method(channel, 60, 11));
        byte[] consume = await ExpectAsync(MethodId.BasicConsume);
        int queue = consume[2];
        string tag = System.Text.Encoding.UTF8.GetString(consume, 4 + queue, consume[3 + queue]);
        await SendAsync(Wire.Method(channel, 60, 21, Wire.Short(tag)));
        return ((ushort)((qos[4] << 8) + qos[5]), tag);
    }

    /// <summary>Answers the client's close of the connection.</summary>
    internal async Task CloseAsync()
    {
        await ExpectAsync(MethodId.ConnectionClose);
        await SendAsync(Wire.Method(0, 10, 51));
    }
}
