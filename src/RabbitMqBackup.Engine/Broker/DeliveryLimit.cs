namespace RabbitMqBackup.Engine.Broker;

/// <summary>How often a quorum queue lets a message come back before it drops or dead-letters it. A message that is read with a count at the limit is lost by the next return that counts.</summary>
/// <param name="Value">The limit; null for none.</param>
/// <param name="IsArgument">It comes from the queue argument, which no policy can override.</param>
internal readonly record struct DeliveryLimit(long? Value, bool IsArgument)
{
    /// <summary>Limit that 4.0 and later put on quorum queues of which nothing else is said (release notes of 4.0, measured on 4.0.5 and 4.3.6).</summary>
    internal const long Default = 20;

    /// <summary>The limit in force for a queue, or none for a queue that is not a quorum queue.</summary>
    internal static DeliveryLimit Of(QueueInfo queue, Version broker)
    {
        if (queue.Type != QueueTypes.Quorum)
        {
            return new(null, false);
        }

        long? argument = Number(queue.Arguments, "x-delivery-limit");
        // The broker's own word (4.x, field delivery_limit) comes first; it is missing for a queue younger than its first statistics.
        if (queue.DeliveryLimit is { } told)
        {
            return new(told < 0 ? null : told, argument >= 0);
        }

        long? policy = Number(queue.EffectivePolicy, "delivery-limit");
        // Argument and policy together: the smaller one wins (measured on 4.0 and 4.3; 3.10 documents the same). Negative means unlimited from 4.0.
        long? smaller = Smaller(argument, policy);
        bool said = argument is not null || policy is not null;
        return new(said || broker.Major < 4 ? smaller : Default, argument >= 0);
    }

    /// <summary>The default distance that is kept from the limit for the application's own retries: a fifth, at least 1.</summary>
    internal static long DefaultReserve(long limit) => Math.Max(1, limit / 5);

    private static long? Smaller(long? a, long? b) => (a, b) switch
    {
        ( >= 0, >= 0) => Math.Min(a.Value, b.Value),
        ( >= 0, _) => a,
        (_, >= 0) => b,
        _ => null,
    };

    private static long? Number(IReadOnlyDictionary<string, object?> values, string key) => values.GetValueOrDefault(key) as long?;
}
