using System.Buffers;
using System.Net;
using System.Net.Sockets;

namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>
/// A lean AMQP 0-9-1 connection for the data path. A thread of its own reads frames and hands them to their channels on the spot; whoever can't keep up holds that thread, and so
/// the broker, by TCP. Heartbeats have their own timer, so they go on meanwhile. The thread blocks in the socket on purpose: awaiting each of some ten thousand small reads a
/// second wakes the thread pool every time, and its idle workers spin for several times the cost of the read itself (measured: 10 to 20 µs a message against 3).
/// </summary>
internal sealed class DataConnection : IAsyncDisposable
{
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(5);

    private readonly BrokerOptions _options;
    private readonly TimeProvider _time;
    private readonly ChannelTable _channels = new();
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _closedOk = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Transport? _transport;
    private FrameSender? _sender;
    private HeartbeatMonitor? _heartbeat;
    private ConnectionReader? _reader;
    private RabbitBackupException? _fault;
    private int _disposed;

    private DataConnection(BrokerOptions options, TimeProvider time, string target) => (_options, _time, Target) = (options, time, target);

    /// <summary>The endpoint, for errors.</summary>
    internal string Target { get; }

    /// <summary>Negotiated size of a whole frame.</summary>
    internal int FrameMax { get; private set; }

    /// <summary>Channels that the broker lets a connection have.</summary>
    internal int ChannelMax { get; private set; }

    /// <summary>The way out.</summary>
    internal FrameSender Sender => _sender!;

    /// <summary>Why the connection is lost or closed, or null while it is open.</summary>
    internal RabbitBackupException? Fault => Volatile.Read(ref _fault);

    /// <summary>Connects to the first endpoint that answers; each may take <see cref="BrokerOptions.ConnectTimeout"/>.</summary>
    /// <param name="options">Endpoints, credential, TLS, time-outs.</param>
    /// <param name="virtualHost">The virtual host to open.</param>
    /// <param name="name">What the broker's management shows for this connection.</param>
    /// <param name="time">Clock.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="RabbitBackupException">No endpoint answers, or the broker refuses the user or the virtual host.</exception>
    internal static async Task<DataConnection> OpenAsync(BrokerOptions options, string virtualHost, string name, TimeProvider time, CancellationToken cancellationToken)
    {
        for (int i = 0; ; i++)
        {
            try
            {
                return await OpenOneAsync(options, options.Endpoints[i], virtualHost, name, time, cancellationToken).ConfigureAwait(false);
            }
            catch (RabbitBackupException exception) when (exception.Code == ErrorCode.BrokerUnreachable && i < options.Endpoints.Count - 1)
            {
                // The next endpoint may answer; the last one's error is the one that is told.
            }
        }
    }

    /// <summary>Opens a channel.</summary>
    /// <param name="target">What it will work on, for errors.</param>
    /// <param name="events">Told of what comes.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    internal async Task<DataChannel> OpenChannelAsync(string target, ChannelEvents events, CancellationToken cancellationToken)
    {
        DataChannel channel = _channels.Add(number => new DataChannel(this, number, target, events));
        if (Fault is { } fault)
        {
            throw fault;
        }

        await channel.OpenAsync(cancellationToken).ConfigureAwait(false);
        return channel;
    }

    /// <summary>Waits for an answer, at most <see cref="BrokerOptions.RequestTimeout"/> of time in which it could have come.</summary>
    internal async Task<T> WaitForReplyAsync<T>(Task<T> reply, MethodId expected, string target, CancellationToken cancellationToken)
    {
        while (true)
        {
            long pauses = _reader!.Pauses;
            try
            {
                return await reply.WaitAsync(_options.RequestTimeout, _time, cancellationToken).ConfigureAwait(false);
            }
            catch (TimeoutException) when (_reader.IsPaused || _reader.Pauses != pauses)
            {
                // The answer may lie behind messages that were not taken meanwhile.
            }
            catch (TimeoutException exception)
            {
                throw new RabbitBackupException(ErrorCode.OperationTimedOut, $"{Target} did not answer about '{target}' within {_options.RequestTimeout.TotalSeconds:0} s ({expected} was due).", exception)
                {
                    Target = target,
                    IsTransient = true,
                    Hint = "Check the broker's load and alarms, or raise the request time-out.",
                };
            }
        }
    }

    /// <summary>Forgets a closed channel; its number is free again. Read loop only.</summary>
    internal void Release(DataChannel channel)
    {
        _channels.Remove(channel);
        channel.Dispose();
    }

    /// <summary>Breaks the connection, so that the broker takes back what is held. Every wait ends with the reason. From any thread.</summary>
    internal void Fail(RabbitBackupException reason)
    {
        if (Interlocked.CompareExchange(ref _fault, reason, null) is not null)
        {
            return;
        }

        _heartbeat?.Dispose();
        foreach (DataChannel channel in _channels.All)
        {
            channel.Fail(reason);
        }

        _transport?.Abort();
    }

    /// <summary>The broker closes the connection. Read loop only.</summary>
    internal void OnClose(CloseArguments close)
    {
        Send(output => ConnectionMethods.WriteEmpty(output, 0, MethodId.ConnectionCloseOk));

        // A refusal that closes the whole connection is about what its working channel did, the last that was opened.
        Fail(CloseReason.AtWork(close, _channels.All.LastOrDefault()?.Target ?? Target));
    }

    /// <summary>The broker has closed the connection as asked. Read loop only.</summary>
    internal void OnCloseOk() => _closedOk.TrySetResult();

    /// <summary>Closes the connection in order if it still can, within a few seconds, and lets go of it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        if (Fault is null && _opened.Task.IsCompletedSuccessfully)
        {
            Send(output => CloseArguments.Write(output, 0, MethodId.ConnectionClose));
            await Task.WhenAny(_closedOk.Task, _ended.Task, Task.Delay(CloseTimeout, _time)).ConfigureAwait(false);
        }

        Fail(new RabbitBackupException(ErrorCode.BrokerConnectionLost, $"The connection to {Target} is closed.") { Target = Target });
        await _ended.Task.ConfigureAwait(false);
    }

    private static async Task<DataConnection> OpenOneAsync(
        BrokerOptions options, DnsEndPoint endpoint, string virtualHost, string name, TimeProvider time, CancellationToken cancellationToken)
    {
        string target = Transport.Name(endpoint, options.Tls is not null);
        using CancellationTokenSource timeout = new(options.ConnectTimeout, time);
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        DataConnection connection = new(options, time, target);
        CancellationToken token = limit.Token;
        new Thread(() => connection.Run(endpoint, virtualHost, name, token)) { IsBackground = true, Name = "AMQP reader" }.Start();
        try
        {
            // A look-up of a host name can't be broken; the thread then ends by itself, later.
            await connection._opened.Task.WaitAsync(token).ConfigureAwait(false);
            return connection;
        }
        catch (OperationCanceledException exception)
        {
            connection.Fail(connection.Lost("was given up", exception));
            cancellationToken.ThrowIfCancellationRequested();
            throw new RabbitBackupException(ErrorCode.BrokerUnreachable, $"{target} did not open a connection within {options.ConnectTimeout.TotalSeconds:0} s.", exception)
            {
                Target = target,
                IsTransient = true,
                Hint = "Check host, port and firewall, or raise the connect time-out.",
            };
        }
    }

    /// <summary>The thread's life: open, read, tell everybody that it is over.</summary>
    private void Run(DnsEndPoint endpoint, string virtualHost, string name, CancellationToken opening)
    {
        try
        {
            _transport = Transport.Connect(endpoint, _options.Tls, opening);
            using ReceiveBuffer input = new(_transport.Stream);
            _sender = new FrameSender(_transport.Stream, _time, exception => _ = FailLaterAsync(exception));
            Open(input, virtualHost, name, opening);
            Fail(_reader!.Run());
            foreach (DataChannel channel in _channels.All)
            {
                channel.Closing(_fault!);
                channel.Dispose();
            }
        }
        catch (Exception exception)
        {
            // Only opening throws: the reader gives a reason.
            _opened.TrySetException(exception);
        }
        finally
        {
            Fail(Lost("is gone", null));
            _transport?.Dispose();
            _sender?.StopAsync().Wait();
            _ended.TrySetResult();
        }
    }

    private void Open(ReceiveBuffer input, string virtualHost, string name, CancellationToken opening)
    {
        ConnectionTune tune;
        using (opening.Register(_transport!.Abort))
        {
            try
            {
                tune = new Handshake(input, Sender, Target).Run(_options, virtualHost, name);
            }
            catch (AmqpProtocolException exception)
            {
                throw new RabbitBackupException(ErrorCode.BrokerUnreachable, $"{Target} does not speak AMQP 0-9-1: {exception.Message}.", exception)
                {
                    Target = Target,
                    Hint = "Check the port: 5672 is AMQP, 5671 is AMQP over TLS (amqps://), 15672 is the management API.",
                };
            }
            catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException)
            {
                throw new RabbitBackupException(ErrorCode.BrokerUnreachable, $"{Target} ended the connection while it was being opened.", exception)
                {
                    Target = Target,
                    IsTransient = true,
                    Hint = "Check the port, whether it expects TLS (amqps://) or a client certificate, and the broker's log.",
                };
            }
        }

        FrameMax = (int)tune.FrameMax;
        ChannelMax = tune.ChannelMax;
        if (tune.Heartbeat > 0)
        {
            _heartbeat = new HeartbeatMonitor(this, TimeSpan.FromSeconds(tune.Heartbeat), _time);
        }

        _reader = new ConnectionReader(this, _transport!, input, _channels, _heartbeat);
        _opened.TrySetResult();
    }

    private void Send(Action<IBufferWriter<byte>> write)
    {
        lock (Sender.Gate)
        {
            write(Sender.Output);
            Sender.Flush();
        }
    }

    /// <summary>The reader usually learns why, from a close that the broker sent before; only when it does not, the writer's error is the reason.</summary>
    private async Task FailLaterAsync(Exception exception)
    {
        await Task.Delay(TimeSpan.FromSeconds(1), _time).ConfigureAwait(false);
        Fail(Lost("broke off the connection", exception));
    }

    /// <summary>The error of a connection that ended by itself.</summary>
    internal RabbitBackupException Lost(string what, Exception? inner) => new(ErrorCode.BrokerConnectionLost, $"{Target} {what}.", inner)
    {
        Target = Target,
        IsTransient = true,
        Hint = "Whatever was held is back in its queue. Check the broker's log and the network, then run again.",
    };
}
