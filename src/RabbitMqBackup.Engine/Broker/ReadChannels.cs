using RabbitMqBackup.Engine.Broker.Amqp;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// The channels and consumers of one read. Up to 31 consumers with ascending tags share a channel: what is given back by one such channel keeps its order, since the broker sorts so few by
/// their tags. A deeper queue takes further channels, one after the other, and is given back channel by channel.
/// </summary>
internal sealed class ReadChannels(DataConnection connection, QueueReadRequest request, ReadSession session)
{
    private readonly List<ReadChannel> _all = [];

    /// <summary>A consumer of this module's, of whatever run.</summary>
    internal static bool IsOurs(string? tag) => tag is { Length: 6 } && tag.StartsWith("bk-", StringComparison.Ordinal) && tag.AsSpan(3).IndexOfAnyExceptInRange('0', '9') < 0;

    /// <summary>Oldest first.</summary>
    internal IReadOnlyList<ReadChannel> All => _all;

    /// <summary>The one that messages come over.</summary>
    internal DataChannel Current => _all[^1].Channel;

    /// <summary>No consumer can be added.</summary>
    internal bool IsFull => _all.Count == request.MaxChannels && _all[^1].Added == request.MaxConsumers;

    /// <summary>Consumers that can still be added.</summary>
    internal long Free => ((long)(request.MaxChannels - _all.Count) * request.MaxConsumers) + request.MaxConsumers - _all[^1].Added;

    /// <summary>Opens the next channel. Only when nothing more comes over the one before.</summary>
    internal async Task OpenAsync(CancellationToken cancellationToken)
    {
        Settle();
        session.BeginChannel(_all.Count);
        _all.Add(new ReadChannel(await connection.OpenChannelAsync(request.Queue.ToString(), session, cancellationToken).ConfigureAwait(false)));
    }

    /// <summary>Adds a consumer, on a further channel when the current one has enough of them.</summary>
    internal async Task AddConsumerAsync(long prefetch, CancellationToken cancellationToken)
    {
        if (_all[^1].Added == request.MaxConsumers)
        {
            await OpenAsync(cancellationToken).ConfigureAwait(false);
        }

        ReadChannel current = _all[^1];
        ConsumeArguments arguments = new() { Timeout = request.ConsumerTimeout, CancelOnFailover = request.EndsOnFailover, Yields = request.Yields };
        string tag = $"bk-{current.Added++:000}";
        current.Consumers.Add(tag);
        try
        {
            await current.Channel.ConsumeAsync(request.Queue.Name, tag, (ushort)prefetch, arguments, cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException refusal) when (CloseReason.IsConsumerLimit(refusal) && current.Consumers.Count > 1)
        {
            request.ConsumersLimited?.Invoke(current.Consumers.Count - 1);
            throw;
        }
        catch (RabbitBackupException refusal) when (refusal.Code == ErrorCode.BrokerAccessRefused)
        {
            throw await new RefusedConsumer(connection, request.Queue).ExplainAsync(refusal, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Ends all consumers, and the read with them; what is held stays held.</summary>
    internal async Task CancelAllAsync(CancellationToken cancellationToken)
    {
        await EndConsumersAsync(cancellationToken).ConfigureAwait(false);
        Settle();
    }

    /// <summary>Ends the consumers that are there; others can follow.</summary>
    internal async Task EndConsumersAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAll(_all.SelectMany(channel => channel.Consumers.Select(tag => channel.Channel.CancelAsync(tag, cancellationToken)))).ConfigureAwait(false);
        _all.ForEach(channel => channel.Consumers.Clear());
    }

    private void Settle()
    {
        if (_all.Count > 0)
        {
            _all[^1].Held = session.Held - _all.Take(_all.Count - 1).Sum(channel => channel.Held);
            _all[^1].LastDeliveryTag = session.LastDeliveryTag;
        }
    }
}
