using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;

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

    /// <summary>Virtual hosts of the backup to take (patterns as in <see cref="QueueSelection"/>). Default: all.</summary>
    public IReadOnlyList<string> VirtualHosts { get; init; } = [];

    /// <summary>Only messages of this time or later. Default: no bound.</summary>
    public DateTimeOffset? After { get; init; }

    /// <summary>Only messages before this time. Default: no bound.</summary>
    public DateTimeOffset? Before { get; init; }

    /// <summary>Which time <see cref="After"/> and <see cref="Before"/> are about. Default <see cref="TimeBasis.CapturedAt"/>.</summary>
    public TimeBasis TimeBasis { get; init; }

    /// <summary>Only the first so many messages of each queue, of those that the window leaves. Default: all.</summary>
    public long? First { get; init; }

    /// <summary>Only the last so many messages of each queue, of those that the window leaves. Default: all.</summary>
    public long? Last { get; init; }

    /// <summary>Streams: only from this offset on; queues that are no streams have no offsets and are left out. Default: from the first.</summary>
    public long? FromOffset { get; init; }

    /// <summary>Streams: only up to this offset. Default: to the last.</summary>
    public long? ToOffset { get; init; }

    /// <summary>Queues that get another name. Default: none.</summary>
    public NameMap QueueMap { get; init; } = NameMap.None;

    /// <summary>Virtual hosts that get another name; all names change at once, so that two can be swapped. Default: none.</summary>
    public NameMap VirtualHostMap { get; init; } = NameMap.None;

    /// <summary>With <see cref="PublishMode.Exchange"/>, exchanges to publish to in place of the original ones. Default: none.</summary>
    public NameMap ExchangeMap { get; init; } = NameMap.None;

    /// <summary>Another type for the queues that are declared: <c>classic</c>, <c>quorum</c> or <c>stream</c>. Streams keep theirs unless <see cref="Queues"/> names queues. Default: the type that each had.</summary>
    public string? QueueType { get; init; }

    /// <summary>Where messages are published to. Default <see cref="PublishMode.Queue"/>.</summary>
    public PublishMode PublishMode { get; init; }

    /// <summary>What becomes of the messages' own time to live. Default <see cref="ExpirationHandling.Keep"/>.</summary>
    public ExpirationHandling Expiration { get; init; }

    /// <summary>
    /// Publish a <c>user-id</c> as it was, also of another user; the broker takes it only from a user with the tag <c>impersonator</c>. Default false: it is left out and counted.
    /// </summary>
    public bool KeepUserId { get; init; }

    /// <summary>What to do with a target queue that has messages. Default <see cref="NonEmptyTarget.Fail"/>.</summary>
    public NonEmptyTarget IfNotEmpty { get; init; }

    /// <summary>Restore also into a queue that exists with another type or other arguments. Default false: an error names the difference.</summary>
    public bool Force { get; init; }

    /// <summary>Streams: also store the offsets that consumers had stored, each brought over to the place of its message. Default false.</summary>
    public bool ConsumerOffsets { get; init; }

    /// <summary>Unconfirmed messages in flight per queue. Default 2,000; 1 to 65,535.</summary>
    public int ConfirmWindow { get; init; } = 2000;

    /// <summary>Unconfirmed bytes in flight per queue; one message always goes. Default 32 MiB; at least 1.</summary>
    public long ConfirmWindowBytes { get; init; } = 32 << 20;

    /// <summary>Messages per second at most, over all queues. Default: as fast as it goes.</summary>
    public long? MaxMessagesPerSecond { get; init; }

    /// <summary>Bytes of bodies per second at most, over all queues. Default: as fast as it goes.</summary>
    public long? MaxBytesPerSecond { get; init; }

    /// <summary>Where to keep messages that the target returned or refused, as a backup of their own. Default: they are counted, and some are told.</summary>
    public BackupStore? RejectedStore { get; init; }

    /// <summary>Leave out the definitions that a full restore brings back where they are missing. Default false.</summary>
    public bool SkipDefinitions { get; init; }

    /// <summary>Go on with the same restore where an earlier run was cut, without sending again what it brought over. Where none was cut it begins. Default false.</summary>
    public bool Resume { get; init; }

    /// <summary>The id of an earlier part of this restore, whose record for an undo goes on: messages of a pipeline come in parts. Default: it is a restore by itself.</summary>
    public string? RestoreId { get; init; }

    /// <summary>Folder of the checkpoint that makes that possible. Default: a folder in the user's local data.</summary>
    public string? CheckpointPath { get; init; }

    /// <summary>How long to try to reach a target again that went away in the middle, as long as no message is confirmed. Default 5 minutes; zero gives up at once.</summary>
    public TimeSpan RetryTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Queues restored at the same time. Default 4; 1 to 64.</summary>
    public int MaxConcurrentQueues { get; init; } = 4;

    /// <summary>Takes away the lease of a removal whose process is gone. Default false: such a lease is an error that names the holder.</summary>
    public bool BreakStaleLease { get; init; }

    /// <summary>
    /// A virtual host for a trial: all queues go into it, each under a name of its own, without what would make messages vanish there (limits, time to live, dead-lettering). Null: a real restore.
    /// </summary>
    internal string? Scratch { get; init; }
}
