namespace RabbitMqBackup.Engine.Broker;

/// <summary>What the pre-flight check takes into account besides the queue itself.</summary>
internal sealed record ReadSafetyOptions
{
    /// <summary>How many deliveries are kept for the application's own retries on quorum queues before 4.3. Default null: a fifth of the limit, at least 1.</summary>
    public long? DeliveryLimitReserve { get; init; }

    /// <summary>The longest time that messages may be held. Default null: as long as the broker lets us.</summary>
    public TimeSpan? MaxHold { get; init; }

    /// <summary>There is a reader for streams. Default true.</summary>
    public bool ReadsStreams { get; init; } = true;

    /// <summary>What the last backup of a queue saw, by queue; null where none is known.</summary>
    public Func<QueueName, LastRead?>? LastRead { get; init; }
}
