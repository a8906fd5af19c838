namespace RabbitMqBackup.Engine.Broker;

/// <summary>Why a read ended.</summary>
internal enum ReadStop
{
    /// <summary>As many messages were delivered as were ready at the start.</summary>
    DepthReached,

    /// <summary>Fewer came than were ready at the start, and nothing is ready any more: consumers took the others, or they expired.</summary>
    Drained,

    /// <summary>As many are held as consumers on one channel can hold in order.</summary>
    CapacityReached,

    /// <summary><see cref="QueueReadRequest.MaxMessages"/> were delivered.</summary>
    LimitReached,

    /// <summary>The broker ended a consumer: the queue was deleted or moved, or a quorum queue's consumer time-out struck.</summary>
    ConsumerCancelled,

    /// <summary>
    /// More came than the consumers may hold, so some of it came twice: a quorum queue's leader that loses sight of the consumers' node, be it for a moment, takes back what they hold, and gives it to the same consumers
    /// again when it sees them again, which nobody is told (measured on 3.10 and 4.0; on 4.3 only when it was out of sight for <c>consumer_disconnected_timeout</c>).
    /// </summary>
    CameTwice,

    /// <summary>Messages are ready, but the broker delivers none: another consumer is the single active one, or has a higher priority.</summary>
    Stalled,

    /// <summary>A message came with as many deliveries behind it as the reserve allows; see <see cref="QueueReadRequest.StopAtDeliveryCount"/>.</summary>
    DeliveryLimit,

    /// <summary>Messages may not be held any longer; see <see cref="QueueReadRequest.MaxHold"/>.</summary>
    HoldTime,

    /// <summary>The broker is short of memory or disk.</summary>
    BrokerInAlarm,

    /// <summary>More consumers are at the queue than were known: it may be another reader of ours, which would get a part of the messages. See <see cref="QueueReadRequest.ConsumersKnown"/>.</summary>
    OthersAtWork,
}
