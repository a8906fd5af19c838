namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>The arguments that a consumer of ours may carry; none by default.</summary>
internal readonly record struct ConsumeArguments
{
    /// <summary><c>x-consumer-timeout</c>, ms: how long a quorum queue from 4.3 lets this consumer hold messages.</summary>
    internal TimeSpan? Timeout { get; init; }

    /// <summary><c>x-stream-offset</c>: where in a stream to begin, <c>first</c> or <c>last</c> (the last chunk).</summary>
    internal string? StreamOffset { get; init; }

    /// <summary>
    /// <c>x-cancel-on-ha-failover</c>: the broker ends the consumer when a mirror of the queue becomes its leader. Without it the new leader delivers the queue to the same consumer from its head once more, and nobody is
    /// told. Only classic queues before 4.0 know it.
    /// </summary>
    internal bool CancelOnFailover { get; init; }

    /// <summary><c>x-priority</c> below zero: consumers that can take a message come first, and for the links of a federated queue there is nobody.</summary>
    internal bool Yields { get; init; }

    /// <summary>
    /// An argument that no broker takes. It is refused after the check of the read permission and before the queue is asked for anything: so the answer tells
    /// whether the user may read, and nothing else happens.
    /// </summary>
    internal bool IsInvalid { get; init; }

    internal void Write(ref MethodWriter writer)
    {
        if (StreamOffset is not null)
        {
            writer.Field("x-stream-offset", StreamOffset);
        }

        if (Timeout is { } timeout)
        {
            writer.Field("x-consumer-timeout", (long)timeout.TotalMilliseconds);
        }

        if (CancelOnFailover)
        {
            writer.Field("x-cancel-on-ha-failover", true);
        }

        if (Yields)
        {
            writer.Field("x-priority", -1L);
        }

        if (IsInvalid)
        {
            writer.Field("x-priority", "none");
        }
    }
}
