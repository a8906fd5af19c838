using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Messages.Amqp10;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>
/// Messages above the broker's stream frame size, on their way through AMQP 0-9-1 into the stream that all others go to by its own protocol. Ids of that protocol don't tell how many of these an earlier run or
/// connection brought over: the end of the stream does.
/// </summary>
/// <param name="options">The target.</param>
/// <param name="row">The stream's row in the plan.</param>
/// <param name="connector">Connects to it.</param>
/// <param name="time">The clock.</param>
internal sealed class LargeMessages(RestoreOptions options, RestorePlanQueue row, StreamConnector connector, TimeProvider time) : IAsyncDisposable
{
    private readonly ConvertedMessages _converted = new(options, row.TargetVirtualHost, row.TargetQueue, time);
    private Queue<string>? _atEnd;

    /// <summary>Messages that were to go this way.</summary>
    internal long Count { get; private set; }

    /// <summary>Messages of them that an earlier run or connection had brought.</summary>
    internal long AlreadyThere { get; private set; }

    /// <summary>Messages confirmed.</summary>
    internal long Confirmed => _converted.Confirmed;

    /// <summary>Messages refused, or returned since the stream is gone.</summary>
    internal long Refused => _converted.Refused;

    /// <summary>What the conversion left out of one or more of them.</summary>
    internal IReadOnlyCollection<string> Lost => _converted.Lost;

    /// <summary>Publishes one message behind all that the publisher has sent, unless it is there.</summary>
    internal async Task PublishAsync(StreamPublisher publisher, byte[] message, CancellationToken cancellationToken)
    {
        Count++;
        if (publisher.Confirmed == 0 && Confirmed == 0)
        {
            _atEnd ??= await ReadEndAsync(publisher, message, cancellationToken).ConfigureAwait(false);
            if (Take(_atEnd, ConvertedMessages.Digest(message)))
            {
                AlreadyThere++;
                return;
            }
        }

        await _converted.PublishAsync(message, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _converted.DisposeAsync();

    /// <summary>Takes a message out of the end, with those before it: one hardly below the frame size went through the stream protocol and stands among them all the same.</summary>
    private static bool Take(Queue<string> atEnd, string digest)
    {
        bool isThere = atEnd.Contains(digest);
        while (isThere && atEnd.Dequeue() != digest)
        {
        }

        return isThere;
    }

    /// <summary>Digests of the large messages behind the last one that went through the stream protocol, the first of which may be this one.</summary>
    private async Task<Queue<string>> ReadEndAsync(StreamPublisher publisher, byte[] message, CancellationToken cancellationToken)
    {
        // What a message lost on its way through AMQP 0-9-1, a footer above all, has made it smaller.
        int margin = Math.Max(4096, message.Length - Amqp091Conversion.Convert(message).Body.Length);
        await using StreamConnection connection = await connector.ConnectAsync(row.TargetVirtualHost, row.TargetQueue, StreamAccess.Write, cancellationToken).ConfigureAwait(false);
        return await StreamTail.ReadAsync(connection, row.TargetQueue, length => !publisher.Fits(length + margin), message => ConvertedMessages.Digest(message), cancellationToken).ConfigureAwait(false);
    }
}
