namespace RabbitMqBackup.Engine.Broker;

/// <summary>A queue as the management API shows it, with the verdict of the pre-flight check.</summary>
public sealed record QueueInfo
{
    /// <summary>Name.</summary>
    public required string Name { get; init; }

    /// <summary>Virtual host.</summary>
    public required string VirtualHost { get; init; }

    /// <summary><c>classic</c>, <c>quorum</c> or <c>stream</c>.</summary>
    public required string Type { get; init; }

    /// <summary>Ready messages; the API is some seconds late.</summary>
    public long Messages { get; init; }

    /// <summary>Messages that consumers hold unacknowledged.</summary>
    public long Unacknowledged { get; init; }

    /// <summary>Consumers.</summary>
    public int Consumers { get; init; }

    /// <summary>
    /// Consumers that are there and are no readers of this module; the API learns of one up to 5 s after its begin, and of its end at once, while <see cref="Consumers"/> counts it for up to 5 s more (measured on 3.10, 4.0 and 4.3).
    /// Null in lists, and where the broker keeps no such statistics.
    /// </summary>
    public int? KnownConsumers { get; init; }

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

    /// <summary>The definition of the policies in force (user and operator together), by key.</summary>
    public IReadOnlyDictionary<string, object?> EffectivePolicy { get; init; } = new Dictionary<string, object?>();

    /// <summary><c>running</c>, <c>idle</c>, <c>down</c>, <c>stopped</c>, …; empty where the API does not say.</summary>
    public string State { get; init; } = "";

    /// <summary>Node of the queue's leader.</summary>
    public string Node { get; init; } = "";

    /// <summary>How safe a read is.</summary>
    public ReadVerdict Verdict { get; init; }

    /// <summary>Why, for people.</summary>
    public IReadOnlyList<string> Reasons { get; init; } = [];

    /// <summary>The delivery limit that the broker says is in force (quorum queues, from 4.0): a number, <c>-1</c> for unlimited, null where it does not say.</summary>
    internal long? DeliveryLimit { get; init; }

    /// <summary>The broker has told which policy is in force, or that none is. Else it was worked out.</summary>
    internal bool IsPolicyTold { get; init; }

    /// <summary>Bytes of the bodies of ready messages; 0 where the API does not say.</summary>
    internal long MessageBytes { get; init; }

    /// <summary>Messages that are neither ready nor unacknowledged since a delayed retry hides them (quorum queues, from 4.3).</summary>
    internal long Delayed { get; init; }

    /// <summary>Messages that have left the queue's order and wait until another queue has taken them (dead-letter strategy at-least-once of quorum queues).</summary>
    internal long DeadLettering { get; init; }

    /// <summary>Ready messages of another than the usual priority, as far as the API tells (quorum queues; from 4.0 those of a high one, from 4.3 all).</summary>
    internal long Prioritized { get; init; }

    /// <summary>A consumer holds the queue exclusively.</summary>
    internal bool HasExclusiveConsumer { get; init; }

    /// <summary>A single active consumer is at work.</summary>
    internal bool HasActiveConsumer { get; init; }

    /// <summary>Nodes that hold a replica; empty where the API does not say.</summary>
    internal IReadOnlyList<string> Members { get; init; } = [];

    /// <summary>Those of <see cref="Members"/> that are up.</summary>
    internal IReadOnlyList<string> Online { get; init; } = [];

    /// <summary>What its members run (quorum queues); null where that was not asked, or nobody tells.</summary>
    internal MachineVersions? Machines { get; init; }

    /// <summary>How the queue is to be read, if at all; null before the pre-flight check.</summary>
    internal ReadDecision? Decision { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{VirtualHost}/{Name}";
}
