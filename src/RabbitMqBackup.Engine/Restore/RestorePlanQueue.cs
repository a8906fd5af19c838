namespace RabbitMqBackup.Engine.Restore;

/// <summary>One queue in a restore plan.</summary>
public sealed record RestorePlanQueue
{
    /// <summary>Virtual host of the source queue.</summary>
    public required string VirtualHost { get; init; }

    /// <summary>Source queue.</summary>
    public required string Queue { get; init; }

    /// <summary>Virtual host that it goes to.</summary>
    public required string TargetVirtualHost { get; init; }

    /// <summary>Queue that it goes to.</summary>
    public required string TargetQueue { get; init; }

    /// <summary>Type of the source queue: <c>classic</c>, <c>quorum</c> or <c>stream</c>.</summary>
    public required string Type { get; init; }

    /// <summary>Type of the queue that it goes to.</summary>
    public required string TargetType { get; init; }

    /// <summary>Messages to publish; at most so many where <see cref="IsEstimate"/> says so.</summary>
    public long Messages { get; init; }

    /// <summary>How many messages it is shows only when they are read: a window over the publishers' own timestamps, or over offsets.</summary>
    public bool IsEstimate { get; init; }

    /// <summary>Bytes of their records before compression.</summary>
    public long Bytes { get; init; }

    /// <summary>The target queue is missing and will be declared.</summary>
    public bool Declares { get; init; }

    /// <summary>The target virtual host is missing and will be created.</summary>
    public bool CreatesVirtualHost { get; init; }

    /// <summary>It is left as it is, as was asked for queues that have messages.</summary>
    public bool IsSkipped { get; init; }

    /// <summary>What the source queue had and the target's type or version can't have.</summary>
    public IReadOnlyList<string> NotCarriedOver { get; init; } = [];

    /// <summary>What stands in the way; not empty means that this queue is not restored.</summary>
    public IReadOnlyList<string> Conflicts { get; init; } = [];

    /// <summary>What a person should know before saying yes.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Of the notes, those about limits that the messages will feel.</summary>
    internal IReadOnlyList<string> Limits { get; init; } = [];

    /// <summary>The error code that goes with <see cref="Conflicts"/>.</summary>
    internal ErrorCode ConflictCode { get; init; } = ErrorCode.RestoreConflict;

    /// <summary>Where the messages come from.</summary>
    internal SourceQueue Source { get; init; } = null!;

    /// <summary>Where an earlier run came to, for a restore that is resumed.</summary>
    internal RestoreMark? Mark { get; init; }

    /// <summary>How the target queue is declared where it is missing.</summary>
    internal QueueShape Shape { get; init; } = null!;

    /// <inheritdoc/>
    public override string ToString() => $"{TargetVirtualHost}/{TargetQueue}";
}
