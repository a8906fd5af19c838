namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>The one argument that a consumer of ours may carry.</summary>
internal readonly record struct ConsumeArgument
{
    private ConsumeArgument(TimeSpan? timeout, bool invalid, string? streamOffset = null) => (_timeout, _invalid, _streamOffset) = (timeout, invalid, streamOffset);

    private readonly TimeSpan? _timeout;
    private readonly bool _invalid;
    private readonly string? _streamOffset;

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

        if (_invalid)
        {
            writer.Field("x-priority", "none");
        }
    }
}
