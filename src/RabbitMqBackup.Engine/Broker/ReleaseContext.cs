namespace RabbitMqBackup.Engine.Broker;

/// <summary>What is held when a release is due.</summary>
internal sealed record ReleaseContext
{
    /// <summary>The queue.</summary>
    public required QueueName Queue { get; init; }

    /// <summary>Messages held; more than were handed on when the read was stopped early.</summary>
    public required long Held { get; init; }

    /// <summary>Delivery tag of the last of them.</summary>
    public required ulong LastDeliveryTag { get; init; }

    /// <summary>The highest x-delivery-count among them, or null where none told.</summary>
    public long? HighestDeliveryCount { get; init; }

    /// <summary>How the request wants them to be given back.</summary>
    public required QueueReleaseMethod Planned { get; init; }
}
