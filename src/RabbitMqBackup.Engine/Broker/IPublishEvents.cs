namespace RabbitMqBackup.Engine.Broker;

/// <summary>What becomes of published messages. All calls come from the connection's read loop, one at a time; they must not block.</summary>
internal interface IPublishEvents
{
    /// <summary>A mandatory message reached no queue; it is confirmed nevertheless.</summary>
    void OnReturned(in ReturnedMessage message);

    /// <summary>The broker refused this message: a full queue that rejects, an internal failure.</summary>
    /// <param name="sequence">Its number, as <see cref="QueuePublisher.PublishAsync"/> gave it.</param>
    void OnNacked(ulong sequence);

    /// <summary>The broker stops (with its reason) or resumes (null) taking messages; publishing waits meanwhile.</summary>
    void OnBlocked(string? reason);
}
