namespace RabbitMqBackup.Engine;

/// <summary>How far a long operation is. Reported often; the receiver coalesces.</summary>
public sealed record OperationProgress
{
    /// <summary>What is done, e.g. <c>Backing up</c>.</summary>
    public required string Activity { get; init; }

    /// <summary>What it is done to at the moment: a queue, a segment.</summary>
    public string Current { get; init; } = "";

    /// <summary>What is counted, in the plural. Default: messages.</summary>
    public string Unit { get; init; } = "messages";

    /// <summary>Messages, or what <see cref="Unit"/> says, done.</summary>
    public long Messages { get; init; }

    /// <summary>The same in all, or null where that is not known.</summary>
    public long? TotalMessages { get; init; }

    /// <summary>Bytes done, before compression.</summary>
    public long Bytes { get; init; }

    /// <summary>Streams that are followed: messages on the broker that are not captured yet; null where that is not known.</summary>
    public long? Behind { get; init; }

    /// <summary>Queues done.</summary>
    public int Queues { get; init; }

    /// <summary>Queues in all.</summary>
    public int TotalQueues { get; init; }
}
