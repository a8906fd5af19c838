namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>The one argument that a consumer of ours may carry.</summary>
internal readonly record struct ConsumeArgument
{
    private ConsumeArgument(TimeSpan? timeout, bool invalid, string? streamOffset = null, bool cancelOnFailover = false) =>
        (_timeout, _invalid, _streamOffset, _cancelOnFailover) = (timeout, invalid, streamOffset, cancelOnFailover);

    private readonly TimeSpan? _timeout;
    private readonly bool _invalid;
    private readonly string? _streamOffset;
    private readonly bool _cancelOnFailover;

    /// <summary>No argument.</summary>
    internal static ConsumeArgument None => default;

    /// <summary>
    /// An argument that no broker takes. It is refused after the check of the read permission and before the queue is asked for anything: so the answer tells
    /// whether the user may read, and nothing else happens.
    /// </summary>
    internal static ConsumeArgument Invalid => new(null, true);

    /// <summary><c>x-consumer-timeout</c>, ms: how long a quorum queue from 4.3 lets this consumer hold messages.</summary>
    internal static ConsumeArgument Timeout(TimeSpan? value) => new(value, false);

    /// <summary><c>x-stream-offset</c>: where in a stream to begin, <c>first</c> or <c>last</c> (the last chunk).</summary>
    internal static ConsumeArgument StreamOffset(string value) => new(null, false, value);

    /// <summary>
    /// <c>x-cancel-on-ha-failover</c>: the broker ends the consumer when a mirror of the queue becomes its leader. Without it the new leader delivers the queue to the same consumer from its head once more, and nobody is
    /// told. Only classic queues before 4.0 know it.
    /// </summary>
    internal static ConsumeArgument CancelOnFailover => new(null, false, null, true);

    internal void Write(ref MethodWriter writer)
    {
        if (_streamOffset is not null)
        {
            writer.Field("x-stream-offset", _streamOffset);
        }

        if (_timeout is { } timeout)
        {
            writer.Field("x-consumer-timeout", (long)timeout.TotalMilliseconds);
        }

        if (_cancelOnFailover)
        {
            writer.Field("x-cancel-on-ha-failover", true);
        }

        if (_invalid)
        {
            writer.Field("x-priority", "none");
        }
    }
}
