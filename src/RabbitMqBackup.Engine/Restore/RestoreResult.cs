namespace RabbitMqBackup.Engine.Restore;

/// <summary>What a restore did.</summary>
public sealed record RestoreResult
{
    /// <summary>The backup, or empty for messages of several.</summary>
    public required string BackupId { get; init; }

    /// <summary>The target cluster.</summary>
    public required string Target { get; init; }

    /// <summary>True when every message that was asked for is confirmed by the broker, but for those whose time to live was over.</summary>
    public bool IsComplete { get; init; }

    /// <summary>Messages that the broker confirmed.</summary>
    public long Confirmed => Queues.Sum(queue => queue.Confirmed);

    /// <summary>Messages that reached no queue.</summary>
    public long Returned => Queues.Sum(queue => queue.Returned);

    /// <summary>Messages that the broker refused.</summary>
    public long Rejected => Queues.Sum(queue => queue.Rejected);

    /// <summary>Messages published of which nobody knows whether the broker has them.</summary>
    public long Unconfirmed => Queues.Sum(queue => queue.Unconfirmed);

    /// <summary>Messages left out since their time to live was over.</summary>
    public long Expired => Queues.Sum(queue => queue.Expired);

    /// <summary>So many messages at most are there twice, since the target went away in the middle.</summary>
    public long PossibleDuplicates => Queues.Sum(queue => queue.PossibleDuplicates);

    /// <summary>The backup in the store for rejected messages that holds what the target did not take; null where there is none.</summary>
    public string? RejectedBackupId { get; init; }

    /// <summary>How long it took.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>One row per queue.</summary>
    public required IReadOnlyList<RestoreQueueResult> Queues { get; init; }
}
