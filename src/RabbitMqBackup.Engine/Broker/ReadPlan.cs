namespace RabbitMqBackup.Engine.Broker;

/// <summary>How a queue is to be read and released so that it stays as it was. Made by <see cref="ReadSafety"/>.</summary>
internal sealed record ReadPlan
{
    /// <summary>How messages are taken.</summary>
    public required QueueReadMethod Method { get; init; }

    /// <summary>How they are given back.</summary>
    public required QueueReleaseMethod Release { get; init; }

    /// <summary>Consumers at the same time, at most. 31: more lose the order on release. 1 for a single active consumer, where others receive nothing.</summary>
    public int MaxConsumers { get; init; } = 31;

    /// <summary>Value of the consumer argument <c>x-consumer-timeout</c>, or null where the broker knows none and refuses or ignores it.</summary>
    public TimeSpan? ConsumerTimeout { get; init; }

    /// <summary>The queue may have mirrors, one of which goes on delivering from the queue's head when the leader's node dies: the read has to end then.</summary>
    public bool EndsOnFailover { get; init; }

    /// <summary>Consumers are of a priority below zero, see <see cref="ReadSafetyRules.IsFederated"/>.</summary>
    public bool Yields { get; init; }

    /// <summary>Everything must be given back before the oldest delivery is this old, or the broker takes it back by itself; null for no such limit.</summary>
    public TimeSpan? MaxHold { get; init; }

    /// <summary>Each release (not only a crash) raises the delivery count of every message of this queue.</summary>
    public bool ReleaseCounts { get; init; }

    /// <summary>It is so since a member runs a version before 4.3: nodes of 4.3 tell of what counts there in another header, <c>x-acquired-count</c>.</summary>
    public bool CountsAcquisitions { get; init; }

    /// <summary>The delivery limit in force: a message that is read with a count at this limit is lost by the next counted release. Null: unlimited, or not a quorum queue.</summary>
    public long? DeliveryLimit { get; init; }

    /// <summary>Reading stops before a message with this delivery count or more: <see cref="DeliveryLimit"/> without the reserve. Null: no such limit.</summary>
    public long? StopAtDeliveryCount { get; init; }

    /// <summary>An earlier read of the same run broke off, which counted as a delivery.</summary>
    public bool IsRepeated { get; init; }

    /// <summary>The limit in force can be raised by a policy of higher priority: it does not come from a queue argument.</summary>
    public bool LimitCanBeRaised { get; init; }
}
