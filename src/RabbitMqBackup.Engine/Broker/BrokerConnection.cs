using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>The control side of one virtual host over AMQP 0-9-1: connection test, passive declares, declares. Deletes nothing. One call at a time.</summary>
internal sealed class BrokerConnection : IAsyncDisposable
{
    private const int Asking = 0;
    private const int Staying = 1;

    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(5);

    private readonly IConnection _connection;
    private readonly BrokerOptions _options;
    private readonly string _virtualHost;

    /// <summary>One for questions and declares, of which a refusal closes the channel, and one for what has to stay.</summary>
    private readonly IChannel?[] _channels = new IChannel?[2];
    private bool _mayConsume = true;

    private BrokerConnection(IConnection connection, BrokerOptions options, string virtualHost)
    {
        _connection = connection;
        _options = options;
        _virtualHost = virtualHost;
        byte[]? version = connection.ServerProperties?.TryGetValue("version", out object? value) == true ? value as byte[] : null;
        RabbitMqVersion = version is null ? "" : System.Text.Encoding.UTF8.GetString(version);
    }

    /// <summary>The broker's version as it prints it; empty where it keeps it to itself.</summary>
    internal string RabbitMqVersion { get; }

    /// <summary>Connects. That it returns is the connection test.</summary>
    /// <param name="options">The cluster.</param>
    /// <param name="virtualHost">The virtual host, or null for the options'.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <param name="recovers">It comes back by itself when it is lost, with what was claimed.</param>
    /// <exception cref="RabbitBackupException">
    /// <see cref="ErrorCode.BrokerUnreachable"/>, <see cref="ErrorCode.BrokerAuthenticationFailed"/>, or <see cref="ErrorCode.BrokerAccessRefused"/> for the virtual host.
    /// </exception>
    internal static async Task<BrokerConnection> OpenAsync(BrokerOptions options, string? virtualHost, CancellationToken cancellationToken, bool recovers = false)
    {
        string host = virtualHost ?? options.VirtualHost;
        ConnectionFactory factory = BrokerConnectionFactory.Create(options, host, recovers);
        using CancellationTokenSource timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(options.ConnectTimeout * options.Endpoints.Count);
        IConnection? connection = null;
        try
        {
            connection = await factory.CreateConnectionAsync(BrokerConnectionFactory.Endpoints(options), timeout.Token).ConfigureAwait(false);
            // The client (7.2.2) does not wait for the answer to connection.open; only the next round trip shows that the virtual host was refused.
            IChannel channel = await connection.CreateChannelAsync(cancellationToken: timeout.Token).ConfigureAwait(false);
            BrokerConnection opened = new(connection, options, host) { _channels = { [Asking] = channel } };
            connection = null;
            return opened;
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw BrokerErrors.Unreachable(options, $"no answer within {options.ConnectTimeout.TotalSeconds:0} s", exception);
        }
        catch (Exception exception) when (exception is RabbitMQClientException or IOException or System.Net.Sockets.SocketException or System.Security.Authentication.AuthenticationException)
        {
            throw BrokerErrors.FromConnecting(options, host, exception);
        }
        finally
        {
            if (connection is not null)
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>Ready messages and consumers by passive declare.</summary>
    /// <exception cref="RabbitBackupException">
    /// <see cref="ErrorCode.QueueNotFound"/>, <see cref="ErrorCode.QueueInUse"/> (exclusive to another connection), <see cref="ErrorCode.BrokerAccessRefused"/>,
    /// <see cref="ErrorCode.BrokerConnectionLost"/>, <see cref="ErrorCode.OperationTimedOut"/>.
    /// </exception>
    internal async Task<QueueDepth> GetDepthAsync(string queue, CancellationToken cancellationToken)
    {
        QueueDeclareOk answer = await OnChannelAsync(queue, (channel, cancel) => channel.QueueDeclarePassiveAsync(queue, cancel), cancellationToken).ConfigureAwait(false);
        return new(answer.MessageCount, (int)answer.ConsumerCount);
    }

    /// <summary>
    /// Whether a message is ready, by basic.get. A passive declare calls a quorum queue empty whose leader does not answer within 250 ms; this is answered by the leader alone. A message that comes goes back
    /// with its channel, which keeps its place; before 4.3 that counts as a delivery.
    /// </summary>
    /// <exception cref="RabbitBackupException">As <see cref="GetDepthAsync"/>.</exception>
    internal Task<bool> HasMessageAsync(string queue, CancellationToken cancellationToken) => OnChannelAsync(
        queue,
        async (channel, cancel) =>
        {
            if (await channel.BasicGetAsync(queue, autoAck: false, cancel).ConfigureAwait(false) is null)
            {
                return false;
            }

            await channel.CloseAsync(cancel).ConfigureAwait(false);
            return true;
        },
        cancellationToken);

    /// <summary>Declares a queue. True when it was created, false when an equal one was there.</summary>
    /// <exception cref="RabbitBackupException">
    /// <see cref="ErrorCode.DefinitionConflict"/> when one with other properties is there, <see cref="ErrorCode.DefinitionInvalid"/> when the broker refuses the arguments; the message
    /// has the broker's word on which. Otherwise as <see cref="GetDepthAsync"/>.
    /// </exception>
    internal async Task<bool> DeclareAsync(QueueDeclaration declaration, CancellationToken cancellationToken)
    {
        bool exists = await ExistsAsync(declaration.Queue.Name, cancellationToken).ConfigureAwait(false);
        Dictionary<string, object?> arguments = declaration.ToArguments(ManagementJson.ParseVersion(RabbitMqVersion));
        try
        {
            await OnChannelAsync(
                declaration.Queue.Name,
                (channel, cancel) => channel.QueueDeclareAsync(
                    declaration.Queue.Name, declaration.Durable, declaration.Exclusive, declaration.AutoDelete, arguments, passive: false, noWait: false, cancel),
                cancellationToken).ConfigureAwait(false);
            return !exists;
        }
        catch (RabbitBackupException exception) when (exception is { Code: ErrorCode.DefinitionInvalid, InnerException: OperationInterruptedException inner } && exists)
        {
            throw new RabbitBackupException(ErrorCode.DefinitionConflict, $"Queue '{declaration.Queue}' exists with other properties: {inner.ShutdownReason?.ReplyText}.", inner)
            {
                Target = declaration.Queue.ToString(),
                Hint = "Delete or rename the queue on the target, or restore under another name.",
            };
        }
    }

    /// <summary>Takes a name that nobody else can take as long as this connection is there: an exclusive queue's. False where another connection has it.</summary>
    /// <exception cref="RabbitBackupException">As <see cref="GetDepthAsync"/>.</exception>
    internal async Task<bool> TryClaimAsync(string name, CancellationToken cancellationToken)
    {
        Dictionary<string, object?> arguments = new QueueDeclaration { Queue = new(_virtualHost, name), Type = QueueTypes.Classic }.ToArguments(ManagementJson.ParseVersion(RabbitMqVersion));
        try
        {
            await OnChannelAsync(
                name,
                (channel, cancel) => channel.QueueDeclareAsync(name, durable: false, exclusive: true, autoDelete: false, arguments, passive: false, noWait: false, cancel),
                cancellationToken).ConfigureAwait(false);
            await KeepFromExpiringAsync(name, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.QueueInUse)
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await _connection.CloseAsync(CloseTimeout).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is RabbitMQClientException or IOException or OperationCanceledException or TimeoutException)
        {
            // It is gone already, or does not answer; disposing ends the socket.
        }

        await _connection.DisposeAsync().ConfigureAwait(false);
    }

    private async Task<bool> ExistsAsync(string queue, CancellationToken cancellationToken)
    {
        try
        {
            await GetDepthAsync(queue, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.QueueNotFound)
        {
            return false;
        }
    }

    /// <summary>A policy can let queues expire that nobody uses; one with a consumer is in use. Who may not read the queue has to do without.</summary>
    private async Task KeepFromExpiringAsync(string queue, CancellationToken cancellationToken)
    {
        if (!_mayConsume)
        {
            return;
        }

        try
        {
            await OnChannelAsync(queue, (channel, cancel) => channel.BasicConsumeAsync(queue, autoAck: true, new AsyncDefaultBasicConsumer(channel), cancel), cancellationToken, Staying).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.BrokerAccessRefused)
        {
            _mayConsume = false;
        }
    }

    /// <summary>Runs on a channel; a refusal closes it, so the next call gets a new one.</summary>
    private async Task<T> OnChannelAsync<T>(string queue, Func<IChannel, CancellationToken, Task<T>> call, CancellationToken cancellationToken, int kind = Asking)
    {
        using CancellationTokenSource timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(_options.RequestTimeout);
        try
        {
            if (_channels[kind] is not { IsOpen: true } channel)
            {
                _channels[kind]?.Dispose();
                _channels[kind] = channel = await _connection.CreateChannelAsync(cancellationToken: timeout.Token).ConfigureAwait(false);
            }

            return await call(channel, timeout.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new RabbitBackupException(ErrorCode.OperationTimedOut, $"{_options.DisplayUri} did not answer about queue '{_virtualHost}/{queue}' within {_options.RequestTimeout.TotalSeconds:0} s.", exception)
            {
                Target = $"{_virtualHost}/{queue}",
                IsTransient = true,
            };
        }
        catch (Exception exception) when (exception is RabbitMQClientException or IOException or ObjectDisposedException or TimeoutException)
        {
            throw BrokerErrors.FromQueue(_options, new(_virtualHost, queue), exception);
        }
    }
}
