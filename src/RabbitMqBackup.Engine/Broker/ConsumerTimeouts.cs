namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// How long messages may be held before the broker takes them back (delivery acknowledgement time-out). Measured: before 4.3 it closes the channel at the next tick (60 s) after the
/// time-out, on classic and quorum queues, basic.get included; from 4.3 it concerns quorum queues only, whose consumers may bring their own.
/// </summary>
internal static class ConsumerTimeouts
{
    /// <summary><c>consumer_timeout</c> of a broker that was not configured otherwise. The API does not tell it; a reader that meets a shorter one sees its channel closed and reports a gap.</summary>
    internal static readonly TimeSpan Default = TimeSpan.FromMinutes(30);

    // Long enough for any queue that fits on a broker; short enough that a consumer that hangs does not hold messages for ever.
    private static readonly TimeSpan Longest = TimeSpan.FromHours(24);
    private static readonly Version OwnTimeout = ReadSafety.UncountedNack;
    private static readonly Version QueueTimeout = new(4, 0);

    /// <summary>The consumer argument for a quorum queue from 4.3: what is needed, and a bit.</summary>
    internal static TimeSpan Argument(ReadSafetyOptions options) => options.MaxHold is { } hold && hold < Longest ? hold + TimeSpan.FromMinutes(5) : Longest;

    /// <summary>How long messages may be held, a tenth of the time-out kept as a margin; null for no limit.</summary>
    internal static TimeSpan? MaxHold(QueueInfo queue, Version broker, ReadSafetyOptions options)
    {
        TimeSpan? broken = broker >= OwnTimeout
            ? queue.Type == QueueTypes.Quorum ? Argument(options) : null
            : Configured(queue, broker) ?? Default;
        TimeSpan? limit = broken * 0.9;
        return options.MaxHold is { } wanted && (limit is null || wanted < limit) ? wanted : limit;
    }

    /// <summary>The time-out that the queue's argument or policy sets, or null. 3.10 knows neither; from 4.3 the consumer's own argument wins.</summary>
    internal static TimeSpan? Configured(QueueInfo queue, Version broker)
    {
        if (broker < QueueTimeout || broker >= OwnTimeout)
        {
            return null;
        }

        long? milliseconds = (queue.Arguments.GetValueOrDefault("x-consumer-timeout") as long?, queue.EffectivePolicy.GetValueOrDefault("consumer-timeout") as long?) switch
        {
            ({ } argument, { } policy) => Math.Min(argument, policy),
            ({ } argument, null) => argument,
            (null, var policy) => policy,
        };
        return milliseconds > 0 ? TimeSpan.FromMilliseconds(milliseconds.Value) : null;
    }
}
