namespace RabbitMqBackup.Engine.Broker;

/// <summary>What was done about messages that were held at their queue's delivery limit.</summary>
internal sealed record RescueOutcome
{
    /// <summary>Messages that the return would have dropped.</summary>
    public required int Endangered { get; init; }

    /// <summary>A policy lowered the limit to this while messages were held that it would drop; null where none did.</summary>
    public long? LoweredTo { get; init; }

    /// <summary>The limit was raised, so that they could be given back; null where that was not possible.</summary>
    public RaisedLimit? Raised { get; init; }

    /// <summary>They were published again to the queue's tail, and the originals acknowledged.</summary>
    public IReadOnlyList<EndangeredMessage> PublishedAgain { get; init; } = [];

    /// <summary>Nothing helped: the queue dropped or dead-lettered them when they were given back.</summary>
    public IReadOnlyList<EndangeredMessage> Lost { get; init; } = [];
}
