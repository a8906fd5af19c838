using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Messages.Amqp10;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>
/// Publishes messages of a stream through AMQP 0-9-1, for those that the stream protocol can't carry: RabbitMQ 4.3 takes no frame above <c>stream.frame_max</c> (1 MiB by default), while publishers of
/// AMQP can put 16 MiB into a stream. What AMQP 0-9-1 has no place for is lost, and listed.
/// </summary>
/// <param name="options">The target.</param>
/// <param name="virtualHost">The stream's virtual host.</param>
/// <param name="stream">The stream.</param>
/// <param name="time">The clock.</param>
internal sealed class ConvertedMessages(RestoreOptions options, string virtualHost, string stream, TimeProvider time) : IPublishEvents, IAsyncDisposable
{
    private readonly byte[] _routingKey = Encoding.UTF8.GetBytes(stream);
    private readonly PublishedProperties _properties = new(options.Broker.Credential.UserName);
    private readonly SortedSet<string> _lost = new(StringComparer.Ordinal);
    private QueuePublisher? _publisher;

    /// <summary>Messages confirmed.</summary>
    internal long Confirmed { get; private set; }

    /// <summary>Messages refused, or returned since the stream is gone.</summary>
    internal long Refused { get; private set; }

    /// <summary>What the conversion left out of one or more of them.</summary>
    internal IReadOnlyCollection<string> Lost => _lost;

    /// <summary>Publishes one message and waits for its confirm, so that it stands between its neighbours.</summary>
    internal async Task PublishAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        Amqp091Message converted = Amqp091Conversion.Convert(message.Span);
        _lost.UnionWith(converted.Lost);
        _publisher ??= await QueuePublisher.OpenAsync(options.Broker, virtualHost, new PublisherOptions(), this, time, cancellationToken).ConfigureAwait(false);
        await _publisher.PublishAsync(
            ReadOnlyMemory<byte>.Empty, _routingKey, _properties.For(converted.Properties), new ReadOnlySequence<byte>(converted.Body), mandatory: true, cancellationToken).ConfigureAwait(false);
        PublishState state = await _publisher.CompleteAsync(cancellationToken).ConfigureAwait(false);
        Confirmed = (long)(state.Confirmed - state.Returned);
        Refused = (long)(state.Returned + state.Nacked);
    }

    /// <summary>What a message and that which it became on its way through AMQP 0-9-1 have in common: id and body.</summary>
    internal static string Digest(ReadOnlySpan<byte> message)
    {
        Amqp091Message converted = Amqp091Conversion.Convert(message);
        return $"{Convert.ToHexString(SHA256.HashData(converted.Body))} {Messages.PropertyList.Parse(converted.Properties).MessageId}";
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _publisher?.DisposeAsync() ?? ValueTask.CompletedTask;

    void IPublishEvents.OnReturned(in ReturnedMessage message)
    {
        // Counted by the publisher.
    }

    void IPublishEvents.OnNacked(ulong sequence)
    {
        // Counted by the publisher.
    }

    void IPublishEvents.OnBlocked(string? reason)
    {
        // The publisher waits, and gives up after its own time.
    }
}
