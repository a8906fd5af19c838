using System.Net;
using System.Net.Sockets;

namespace RabbitMqBackup.Engine.Tests.Faults;

/// <summary>What is wrong with one connection, towards the client.</summary>
internal sealed record Toxic
{
    /// <summary>Bytes that pass before it sets in.</summary>
    internal int After { get; init; }

    /// <summary>The connection is reset.</summary>
    internal bool Cut { get; init; }

    /// <summary>Nothing passes any more, in either direction, and nobody is told.</summary>
    internal bool BlackHole { get; init; }

    /// <summary>The client's side is closed, the server's stays open.</summary>
    internal bool Halve { get; init; }

    /// <summary>The client's side is reset, the server's stays open, and nobody tells it.</summary>
    internal bool Abandon { get; init; }

    /// <summary>One bit of one byte is another.</summary>
    internal bool Corrupt { get; init; }

    /// <summary>What the client sends is struck, not what it gets.</summary>
    internal bool Upstream { get; init; }

    /// <summary>Each piece waits so long.</summary>
    internal TimeSpan Delay { get; init; }

    internal static Toxic Any(Random random, bool mayCorrupt)
    {
        Toxic toxic = new() { After = random.Next(0, 400_000) };
        return random.Next(mayCorrupt ? 5 : 4) switch
        {
            0 => toxic with { Cut = true },
            1 => toxic with { BlackHole = true },
            2 => toxic with { Halve = true },
            3 => toxic with { After = 0, Delay = TimeSpan.FromMilliseconds(random.Next(1, 30)) },
            _ => toxic with { Corrupt = true },
        };
    }
}

/// <summary>Stands between the module and a broker or store, on the level of TCP, and does to each connection what its script says.</summary>
internal sealed class ToxicProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<int, Toxic?> _script;
    private readonly string _host;
    private readonly int _port;
    private readonly Task _accepting;
    private int _connections;
    private int _struck;

    /// <param name="host">The server's host.</param>
    /// <param name="port">The server's port.</param>
    /// <param name="script">What is done to a connection, by its number from 0; null for nothing.</param>
    internal ToxicProxy(string host, int port, Func<int, Toxic?> script)
    {
        (_host, _port, _script) = (host, port, script);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    internal int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    internal int Connections => _connections;

    /// <summary>Connections on which a toxic set in.</summary>
    internal int Struck => _struck;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        List<Task> running = [];
        try
        {
            while (true)
            {
                Socket client = await _listener.AcceptSocketAsync(_stop.Token);
                running.Add(ServeAsync(client, _script(_connections++)));
            }
        }
        finally
        {
            await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ServeAsync(Socket client, Toxic? toxic)
    {
        using Socket server = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using (client)
        {
            client.NoDelay = true;
            using CancellationTokenSource hole = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            try
            {
                await server.ConnectAsync(_host, _port, _stop.Token);
                Task up = CopyAsync(client, server, toxic is { Upstream: true } ? toxic : null, hole);
                await CopyAsync(server, client, toxic is { Upstream: false } ? toxic : null, hole);
                if (toxic is not { BlackHole: true } and not { Halve: true } and not { Abandon: true })
                {
                    await up;
                }
                else
                {
                    await Task.Delay(Timeout.Infinite, _stop.Token);
                }
            }
            catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                client.Close(0);
            }
        }
    }

    private async Task CopyAsync(Socket from, Socket to, Toxic? toxic, CancellationTokenSource hole)
    {
        byte[] buffer = new byte[16 << 10];
        int passed = 0;
        bool done = false;
        while (true)
        {
            int read = await from.ReceiveAsync(buffer, hole.Token);
            if (read == 0)
            {
                to.Shutdown(SocketShutdown.Send);
                return;
            }

            if (toxic is not null && !done && passed + read > toxic.After)
            {
                done = toxic.Delay == TimeSpan.Zero;
                if (passed == 0 || done)
                {
                    Interlocked.Increment(ref _struck);
                }

                if (toxic.Delay > TimeSpan.Zero)
                {
                    await Task.Delay(toxic.Delay, hole.Token);
                }

                if (toxic.Corrupt)
                {
                    buffer[Math.Max(0, toxic.After - passed)] ^= 0x10;
                }
                else if (done)
                {
                    int rest = Math.Max(0, toxic.After - passed);
                    await to.SendAsync(buffer.AsMemory(0, rest), hole.Token);
                    if (toxic.BlackHole || toxic.Abandon)
                    {
                        // Also the other direction; the sockets stay open until the proxy ends.
                        await hole.CancelAsync();
                        if (toxic.Abandon)
                        {
                            to.Close(0);
                        }

                        return;
                    }

                    if (toxic.Halve)
                    {
                        to.Shutdown(SocketShutdown.Send);
                        return;
                    }

                    to.Close(0);
                    throw new SocketException((int)SocketError.ConnectionReset);
                }
            }

            await to.SendAsync(buffer.AsMemory(0, read), hole.Token);
            passed += read;
        }
    }
}
