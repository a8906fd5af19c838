namespace RabbitMqBackup.Engine.Catalog;

/// <summary>One queue in a manifest.</summary>
public sealed record QueueEntry
{
    /// <summary>Virtual host.</summary>
    public required string VirtualHost { get; init; }

    /// <summary>Name.</summary>
    public required string Name { get; init; }

    /// <summary><c>classic</c>, <c>quorum</c> or <c>stream</c>.</summary>
    public required string Type { get; init; }

    /// <summary>Declared as durable.</summary>
    public bool Durable { get; init; }

    /// <summary>Deleted with its last consumer.</summary>
    public bool AutoDelete { get; init; }

    /// <summary>Belongs to one connection.</summary>
    public bool Exclusive { get; init; }

    /// <summary>Arguments by name: bool, long, double, string, null, lists and dictionaries of these.</summary>
    public IReadOnlyDictionary<string, object?> Arguments { get; init; } = new Dictionary<string, object?>();

    /// <summary>Name of the policy in force, or null.</summary>
    public string? Policy { get; init; }

    /// <summary>What became of it.</summary>
    public QueueOutcome Outcome { get; init; }

    /// <summary>Ready messages at the start, by passive declare: what the backup set out to read.</summary>
    public long DepthAtStart { get; init; }

    /// <summary>Messages that consumers held unacknowledged at the start, by the management API; they are not in the backup.</summary>
    public long UnacknowledgedAtStart { get; init; }

    /// <summary>Messages captured.</summary>
    public long Messages { get; init; }

    /// <summary>Bytes of the records captured, before compression.</summary>
    public long Bytes { get; init; }

    /// <summary>How it was read, e.g. <c>consume</c>, <c>get</c>; empty when it was not.</summary>
    public string ReadBy { get; init; } = "";

    /// <summary>How the messages were given back, e.g. <c>channel-close</c>, <c>nack</c>; empty when nothing was held.</summary>
    public string ReleasedBy { get; init; } = "";

    /// <summary>The highest delivery count that a captured message had, or null where none told.</summary>
    public long? HighestDeliveryCount { get; init; }

    /// <summary>Verdict of the pre-flight check: <c>Safe</c>, <c>Caution</c> or <c>Unsafe</c>.</summary>
    public string Verdict { get; init; } = "";

    /// <summary>Reasons of the verdict, for people.</summary>
    public IReadOnlyList<string> VerdictReasons { get; init; } = [];

    /// <summary>Error code of a skip or a failure, or null.</summary>
    public string? ErrorCode { get; init; }

    /// <summary>The reason of a skip or a failure, for people, or null.</summary>
    public string? Reason { get; init; }

    /// <summary>What is missing, and why.</summary>
    public IReadOnlyList<GapEntry> Gaps { get; init; } = [];

    /// <summary>What the backup did to the queue, or saw there, that its owner should know, for people: a limit that was raised, messages that were moved. Usually empty.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The queue's segments, oldest first.</summary>
    public IReadOnlyList<SegmentEntry> Segments { get; init; } = [];

    /// <summary>What only streams have; null for other queues, and for a stream that was not read.</summary>
    public StreamEntry? Stream { get; init; }

    /// <summary>Fields of a newer minor format, kept as raw JSON by name.</summary>
    internal IReadOnlyDictionary<string, string> UnknownFields { get; init; } = new Dictionary<string, string>();

    /// <inheritdoc/>
    public override string ToString() => $"{VirtualHost}/{Name}";
}
