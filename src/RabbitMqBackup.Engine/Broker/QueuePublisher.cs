using System.Buffers;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>Publishes raw messages over a connection of its own, in order, with confirms and a bounded window. One caller at a time.</summary>
internal sealed class QueuePublisher : IAsyncDisposable
{
    private readonly IPublishEvents _events;

    private QueuePublisher(IPublishEvents events) => _events = events;

    /// <summary>What is known at this moment; exact also after the connection was lost.</summary>
    internal PublishState State => throw new NotSupportedException($"{_events}");

    /// <summary>Opens a connection and a channel with confirms.</summary>
    /// <exception cref="RabbitBackupException">The broker can't be reached or refuses.</exception>
    internal static Task<QueuePublisher> OpenAsync(
        BrokerOptions options, string virtualHost, PublisherOptions publisherOptions, IPublishEvents events, TimeProvider time, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{options} {virtualHost} {publisherOptions} {new QueuePublisher(events)} {time} {cancellationToken}");

    /// <summary>Sends one message; its memory is free again when the call completes. Waits while the window is full or the broker blocks publishers.</summary>
    /// <param name="exchange">Exchange, UTF-8, at most 255 bytes; empty for the default exchange.</param>
    /// <param name="routingKey">Routing key, at most 255 bytes.</param>
    /// <param name="properties">Property list as on the wire: u16 flags and the properties present.</param>
    /// <param name="body">Body.</param>
    /// <param name="mandatory">Have the message returned when it reaches no queue.</param>
    /// <param name="cancellationToken">Ends a wait; a message that has begun to be sent is sent whole.</param>
    /// <returns>The message's sequence number, from 1 without gaps.</returns>
    /// <exception cref="RabbitBackupException">The connection was lost, or the broker closed the channel because of an earlier message.</exception>
    internal ValueTask<ulong> PublishAsync(
        ReadOnlyMemory<byte> exchange, ReadOnlyMemory<byte> routingKey, ReadOnlySequence<byte> properties, ReadOnlySequence<byte> body, bool mandatory, CancellationToken cancellationToken) =>
        throw new NotSupportedException($"{exchange} {routingKey} {properties} {body} {mandatory} {cancellationToken}");

    /// <summary>Waits until every message is confirmed or refused.</summary>
    /// <exception cref="RabbitBackupException">The connection was lost or confirms stopped coming; <see cref="State"/> says what is unknown.</exception>
    internal Task<PublishState> CompleteAsync(CancellationToken cancellationToken) => throw new NotSupportedException($"{cancellationToken}");

    /// <summary>Closes the connection, in order if it can.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
