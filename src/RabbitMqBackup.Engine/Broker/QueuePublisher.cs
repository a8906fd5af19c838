using System.Buffers;
using RabbitMqBackup.Engine.Broker.Amqp;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>Publishes raw messages over a connection of its own, in order, with confirms and a bounded window. One caller at a time.</summary>
internal sealed class QueuePublisher : IAsyncDisposable
{
    private readonly BrokerOptions _options;
    private readonly PublisherOptions _publisherOptions;
    private readonly TimeProvider _time;
    private readonly PublishWindow _window;
    private readonly PublishSession _session;
    private readonly DataConnection _connection;
    private readonly DataChannel _channel;
    private readonly string _target;
    private ulong _recorded = 1;

    private QueuePublisher(
        BrokerOptions options, PublisherOptions publisherOptions, TimeProvider time, PublishWindow window, PublishSession session, DataConnection connection, DataChannel channel)
    {
        (_options, _publisherOptions, _time, _window, _session, _connection, _channel) = (options, publisherOptions, time, window, session, connection, channel);
        _target = channel.Target;
        if (publisherOptions.Record is not null)
        {
            window.Recorded(1);
        }
    }

    /// <summary>What is known at this moment; exact also after the connection was lost.</summary>
    internal PublishState State => _window.State;

    /// <summary>Largest property list that the broker's frames can hold.</summary>
    internal int MaxProperties => _channel.MaxProperties;

    /// <summary>Opens a connection and a channel with confirms.</summary>
    /// <exception cref="RabbitBackupException">The broker can't be reached or refuses.</exception>
    internal static async Task<QueuePublisher> OpenAsync(
        BrokerOptions options, string virtualHost, PublisherOptions publisherOptions, IPublishEvents events, TimeProvider time, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(publisherOptions.Window, nameof(publisherOptions));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(publisherOptions.Window, ushort.MaxValue, nameof(publisherOptions));
        PublishWindow window = new(publisherOptions.Window, publisherOptions.WindowBytes);
        PublishSession session = new(window, events);
        DataConnection connection = await DataConnection.OpenAsync(options, virtualHost, OtherRuns.PublisherTo(virtualHost), time, cancellationToken).ConfigureAwait(false);
        try
        {
            DataChannel channel = await connection.OpenChannelAsync($"virtual host {virtualHost}", session, cancellationToken).ConfigureAwait(false);
            await channel.ConfirmSelectAsync(cancellationToken).ConfigureAwait(false);
            return new QueuePublisher(options, publisherOptions, time, window, session, connection, channel);
        }
        catch (Exception)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Sends one message; its memory is free again when the call completes. Waits while the window is full or the broker blocks publishers.</summary>
    /// <param name="exchange">Exchange, UTF-8, at most 255 bytes; empty for the default exchange.</param>
    /// <param name="routingKey">Routing key, at most 255 bytes.</param>
    /// <param name="properties">Property list as on the wire: u16 flags and the properties present.</param>
    /// <param name="body">Body.</param>
    /// <param name="mandatory">Have the message returned when it reaches no queue.</param>
    /// <param name="cancellationToken">Ends a wait; a message that has begun to be sent is sent whole.</param>
    /// <returns>The message's sequence number, from 1 without gaps.</returns>
    /// <exception cref="RabbitBackupException">
    /// The connection was lost, the broker closed the channel because of an earlier message, or the properties are larger than a frame of this broker (nothing was sent then).
    /// </exception>
    internal async ValueTask<ulong> PublishAsync(
        ReadOnlyMemory<byte> exchange, ReadOnlyMemory<byte> routingKey, ReadOnlySequence<byte> properties, ReadOnlySequence<byte> body, bool mandatory, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(exchange.Length, byte.MaxValue, nameof(exchange));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(routingKey.Length, byte.MaxValue, nameof(routingKey));
        ArgumentOutOfRangeException.ThrowIfLessThan(properties.Length, 2, nameof(properties));
        if (properties.Length > _channel.MaxProperties)
        {
            throw new RabbitBackupException(ErrorCode.PublishRejected, $"A message's properties take {properties.Length} bytes; {_channel.MaxProperties} fit a frame of {_connection.Target}.")
            {
                Target = _target,
                Hint = "Raise frame_max of the target broker.",
            };
        }

        long size = properties.Length + body.Length;
        _session.ThrowIfFailed();
        while (_session.IsBlocked || !_window.HasRoom(size))
        {
            if (Record() && !_session.IsBlocked && _window.HasRoom(size))
            {
                break;
            }

            await WaitAsync(_session.Unblocked ?? _window.WaitForRoom(size), cancellationToken).ConfigureAwait(false);
        }

        await _channel.ReadyToPublishAsync(cancellationToken).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        _session.ThrowIfFailed();
        ulong sequence = _window.Add(size);
        await _channel.PublishAsync(exchange, routingKey, mandatory, properties, body).ConfigureAwait(false);
        return sequence;
    }

    /// <summary>Waits until every message is confirmed or refused.</summary>
    /// <exception cref="RabbitBackupException">The connection was lost or confirms stopped coming; <see cref="State"/> says what is unknown.</exception>
    internal async Task<PublishState> CompleteAsync(CancellationToken cancellationToken)
    {
        while (_window.WaitForAll() is { } wait)
        {
            await WaitAsync(wait, cancellationToken).ConfigureAwait(false);
        }

        Record();
        return _window.State;
    }

    /// <summary>Closes the connection, in order if it can.</summary>
    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    /// <summary>Has remembered what is settled; false where nobody does, or nothing is new.</summary>
    private bool Record()
    {
        ulong lowest = _window.Lowest;
        if (_publisherOptions.Record is not { } record || lowest == _recorded || !record(lowest))
        {
            return false;
        }

        _recorded = lowest;
        _window.Recorded(lowest);
        return true;
    }

    /// <summary>Waits as long as confirms keep coming, or the broker says that it is blocked.</summary>
    private async Task WaitAsync(Task? wait, CancellationToken cancellationToken)
    {
        if (wait is null)
        {
            return;
        }

        while (true)
        {
            _session.ThrowIfFailed();
            ulong settled = _window.Settled;
            bool blocked = _session.IsBlocked;
            TimeSpan limit = blocked ? _publisherOptions.BlockedTimeout : _options.RequestTimeout;
            try
            {
                await wait.WaitAsync(limit, _time, cancellationToken).ConfigureAwait(false);
                _session.ThrowIfFailed();
                return;
            }
            catch (TimeoutException) when (_window.Settled != settled || _session.IsBlocked != blocked)
            {
                // It goes on, slowly.
            }
            catch (TimeoutException exception)
            {
                throw new RabbitBackupException(
                    ErrorCode.OperationTimedOut,
                    blocked ? $"{_connection.Target} has blocked publishers for {limit.TotalMinutes:0} min." : $"{_connection.Target} has confirmed nothing for {limit.TotalSeconds:0} s.",
                    exception)
                {
                    Target = _target,
                    IsTransient = true,
                    Hint = blocked ? "Clear the memory or disk alarm of the broker." : "Check the broker's load and alarms.",
                };
            }
        }
    }
}
