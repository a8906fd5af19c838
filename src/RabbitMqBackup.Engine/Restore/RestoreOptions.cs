using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>What to restore, to where, and how. Exactly one of the sources is given.</summary>
public sealed record RestoreOptions
{
    /// <summary>The target cluster.</summary>
    public required BrokerOptions Broker { get; init; }

    /// <summary>A whole backup.</summary>
    public BackupManifest? Manifest { get; init; }

    /// <summary>Segments, of one backup or several.</summary>
    public IReadOnlyList<BackupSegment> Segments { get; init; } = [];

    /// <summary>Single messages.</summary>
    public IReadOnlyList<BackupMessage> Messages { get; init; } = [];

    /// <summary>Names of source queues to take (patterns as in <see cref="QueueSelection"/>). Default: all.</summary>
    public IReadOnlyList<string> Queues { get; init; } = [];

    /// <summary>What to do with a target queue that has messages. Default <see cref="NonEmptyTarget.Fail"/>.</summary>
    public NonEmptyTarget IfNotEmpty { get; init; }

    /// <summary>Restore also into a queue that exists with another type or other arguments. Default false: an error names the difference.</summary>
    public bool Force { get; init; }

    /// <summary>Streams: also store the offsets that consumers had stored, each brought over to the place of its message. Default false.</summary>
    public bool ConsumerOffsets { get; init; }

    /// <summary>Unconfirmed messages in flight per queue. Default 2,000; 1 to 65,535.</summary>
    public int ConfirmWindow { get; init; } = 2000;

    /// <summary>Queues restored at the same time. Default 4; 1 to 64.</summary>
    public int MaxConcurrentQueues { get; init; } = 4;
}
