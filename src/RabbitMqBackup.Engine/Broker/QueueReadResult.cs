namespace RabbitMqBackup.Engine.Broker;

/// <summary>How a read went.</summary>
internal sealed record QueueReadResult
{
    /// <summary>Ready messages at the start, by passive declare.</summary>
    public required long Depth { get; init; }

    /// <summary>Messages handed to the sink.</summary>
    public required long Delivered { get; init; }

    /// <summary>How they were given back, or null when nothing was held.</summary>
    public QueueReleaseMethod? Released { get; init; }

    /// <summary>The highest x-delivery-count among them, or null where none told.</summary>
    public long? HighestDeliveryCount { get; init; }

    /// <summary>Ready messages after the release, by passive declare.</summary>
    public required long ReadyAfter { get; init; }

    /// <summary>Consumers of the queue before the read.</summary>
    public required long ConsumersBefore { get; init; }

    /// <summary>Consumers of the queue after the release, ours not among them.</summary>
    public required long ConsumersAfter { get; init; }

    /// <summary>As many are ready again as were held. False proves no loss where consumers took some meanwhile or a time to live ran out.</summary>
    public required bool AllReturned { get; init; }

    /// <summary>
    /// Fetched with basic.get, which is not told when a queue is deleted: as many of the messages held did not come back when they were given back. Consumers were quicker, or they expired, or the queue is another one
    /// of the same name. 0 for other reads, which end with their queue.
    /// </summary>
    public long Missing { get; init; }

    /// <summary>Fewer became ready while the return was looked at: somebody takes messages, with a consumer or without, or their time runs out.</summary>
    public bool OthersTake { get; init; }

    /// <summary>Messages could be missing though it is the same queue: their time to live may have run out, or the queue's length is limited.</summary>
    public bool MayHaveShrunk { get; init; }

    /// <summary>
    /// The messages are in the order that they had. False where it can't be known: the last message held had been given back to a quorum queue earlier, and what comes behind it was not seen. If more of those
    /// follow, the queue is rotated, since it puts what it is given back behind the others of them (measured on 3.10, 4.0 and 4.3); if not, the order is as it was.
    /// </summary>
    public required bool OrderKept { get; init; }

    /// <summary>
    /// Messages still ready at the end of a read in which others kept being delivered before them: whether some of them were there at the start can't be told. 0 where that is no question.
    /// </summary>
    public long PerhapsMissed { get; init; }

    /// <summary>
    /// Messages that have a priority and were given back to a quorum queue, which delivers them before all that comes later, whatever its priority (measured on 4.0 and 4.3). A classic queue sorts them in again: 0.
    /// </summary>
    public long Prioritized { get; init; }

    /// <summary>Why it ended.</summary>
    public required ReadStop Stop { get; init; }

    /// <summary>From the first consumer or fetch to the release.</summary>
    public required TimeSpan Held { get; init; }

    /// <summary>The reason behind <see cref="ReadStop.BrokerInAlarm"/>, for people.</summary>
    public string? StopReason { get; init; }
}
