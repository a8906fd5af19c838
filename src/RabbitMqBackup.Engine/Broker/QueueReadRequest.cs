namespace RabbitMqBackup.Engine.Broker;

/// <summary>What to read from a queue, and how to give it back. The choice of methods is the caller's: this layer only carries it out.</summary>
internal sealed record QueueReadRequest
{
    /// <summary>Messages that one consumer of a quorum queue can hold: basic.qos carries 16 bits.</summary>
    internal const ushort MaxPrefetch = ushort.MaxValue;

    /// <summary>Of <see cref="MaxChannels"/>.</summary>
    internal const int DefaultMaxChannels = 32;

    /// <summary>The queue.</summary>
    public required QueueName Queue { get; init; }

    /// <summary>A quorum queue: its deliveries carry a delivery count that can be trusted.</summary>
    public bool IsQuorum { get; init; }

    /// <summary>Default: consumers.</summary>
    public QueueReadMethod Method { get; init; } = QueueReadMethod.Consume;

    /// <summary>Default: channel close. Messages fetched with basic.get are always given back so, since a nack of many is quadratic on classic queues.</summary>
    public QueueReleaseMethod Release { get; init; } = QueueReleaseMethod.ChannelClose;

    /// <summary>
    /// Messages per consumer. A quorum queue sends all of it at once whatever the client takes, so for large bodies lower it; it is raised again where the depth
    /// would otherwise not be reached with <see cref="MaxConsumers"/>. Default 65,535.
    /// </summary>
    public ushort Prefetch { get; init; } = MaxPrefetch;

    /// <summary>Nothing is known of the bodies' sizes: the first consumer takes few messages, and each further one not many times what is held already.</summary>
    public bool SizesUnknown { get; init; }

    /// <summary>Bytes of bodies that a consumer is to be sent at once, at most, by the mean size of those that came; as with <see cref="Prefetch"/> the depth comes first. Null: no matter.</summary>
    public long? PrefetchBytes { get; init; }

    /// <summary>Consumers on the channel, one after the other; more than 31 lose the order on release (measured). Default 31.</summary>
    public int MaxConsumers { get; init; } = 31;

    /// <summary>Told how many consumers the broker lets a channel have, where it refused one more, which ends the read: with so many another one can be made. Null: nobody is told.</summary>
    public Action<int>? ConsumersLimited { get; init; }

    /// <summary>Stop after so many messages, or null for all that are ready at the start.</summary>
    public long? MaxMessages { get; init; }

    /// <summary>The consumer argument <c>x-consumer-timeout</c>: how long the broker lets the messages be held. Only quorum queues from 4.3 take it; null for none.</summary>
    public TimeSpan? ConsumerTimeout { get; init; }

    /// <summary>A classic queue that may be mirrored: the read is to end when another mirror leads it, see <see cref="Amqp.ConsumeArguments.CancelOnFailover"/>.</summary>
    public bool EndsOnFailover { get; init; }

    /// <summary>Consumers of others come first, see <see cref="Amqp.ConsumeArguments.Yields"/>.</summary>
    public bool Yields { get; init; }

    /// <summary>When nothing came for this long though more was ready at the start, the broker is asked whether anything still is. Default 2 s.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>For giving everything back after a failure or a cancellation; then the connection is dropped, which gives it back too. Default 10 s.</summary>
    public TimeSpan ReleaseTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the leader of a quorum queue may be too busy with what is given back to say how much of it is there. Default 5 minutes.</summary>
    public TimeSpan SilenceTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// For holding the rest of what a quorum queue was given back earlier, when a read ends before that; see <see cref="QueueReadResult.OrderKept"/>. Default 60 s.
    /// </summary>
    public TimeSpan HoldTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>As many messages were in the queue when an earlier read of it broke off: before reading, there is a short wait for them. Default 0.</summary>
    public long ExpectedDepth { get; init; }

    /// <summary>Asked, with the time for which nothing has come back, whether the broker may still hold those messages for the earlier reader. Null: it does not.</summary>
    public Func<TimeSpan, CancellationToken, Task<bool>>? IsHeld { get; init; }

    /// <summary>Ends the read at once, also while it gives back in an orderly way: the connection drops, and the broker takes back what was held. Default: never.</summary>
    public CancellationToken Abort { get; init; }

    /// <summary>
    /// Channels one after the other, each with as many consumers as keep the order on one. They are given back one after the other, so that a quorum queue keeps its
    /// order: worked out from how the broker sorts consumers, not yet measured. Default 32, for 65 million messages.
    /// </summary>
    public int MaxChannels { get; init; } = DefaultMaxChannels;

    /// <summary>Reading stops when a message of a quorum queue comes with this delivery count or more. Null: no such stop.</summary>
    public long? StopAtDeliveryCount { get; init; }

    /// <summary>
    /// Where giving back counts as a delivery: a message with this delivery count or more may not be given back, it would be dropped. Null: no limit, or giving back does not count.
    /// </summary>
    public long? DeliveryLimit { get; init; }

    /// <summary>Deliveries are counted by <c>x-acquired-count</c>, also; see <see cref="ReadPlan.CountsAcquisitions"/>.</summary>
    public bool CountsAcquisitions { get; init; }

    /// <summary>Helps messages at the <see cref="DeliveryLimit"/>; without it they are given back, and lost.</summary>
    public IDeliveryLimitRescue? Rescue { get; init; }

    /// <summary>Told the depth at the start, before anything is read. Null: nobody is told.</summary>
    public Action<long>? DepthKnown { get; init; }

    /// <summary>Told what was done about such messages, also when the read fails afterwards. Null: nobody is told.</summary>
    public Action<RescueOutcome>? Rescued { get; init; }

    /// <summary>How long messages may be held, from the first on; reading ends a tenth of it earlier, to give everything back in time. Null: no limit.</summary>
    public TimeSpan? MaxHold { get; init; }

    /// <summary>So many consumers of others are expected; with more of them nothing is read. Null: they don't matter.</summary>
    public long? ConsumersKnown { get; init; }

    /// <summary>Asked once the depth is known: whether another run fills the queue, so that nobody wants what is in it at this moment. Null: nobody does.</summary>
    public Func<CancellationToken, Task<bool>>? IsBeingFilled { get; init; }

    /// <summary>Consumers hold messages that may come back while the queue is read, and go before others then.</summary>
    public bool MayComeBack { get; init; }

    /// <summary>The queue delivers messages of a higher priority first.</summary>
    public bool HasPriorities { get; init; }

    /// <summary>Messages can be gone at their return though the queue is the same: it limits their time or its length.</summary>
    public bool MayShrink { get; init; }

    /// <summary>Ends the read early. Null: nobody does.</summary>
    public ReadStopSignal? StopSignal { get; init; }

    /// <summary>
    /// The first consumer takes a single message, whose delivery count tells whether the others are to be touched at all; and what a reader takes before it sees another one would be in another place afterwards.
    /// </summary>
    internal bool Probes => Method == QueueReadMethod.Consume && MaxConsumers * MaxChannels > 1 && ((StopAtDeliveryCount ?? DeliveryLimit) is not null || (IsQuorum && ConsumersKnown is not null));
}
