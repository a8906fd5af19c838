using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>What to back up, from where, to where, and how.</summary>
public sealed record BackupOptions
{
    /// <summary>The cluster.</summary>
    public required BrokerOptions Broker { get; init; }

    /// <summary>The store.</summary>
    public required BackupStore Store { get; init; }

    /// <summary>Which queues.</summary>
    public QueueSelection Selection { get; init; } = new();

    /// <summary>The backup's id. Default: made from the time and a random part.</summary>
    public string? BackupId { get; init; }

    /// <summary>Read streams only from where the newest backup of the same cluster ended (<see cref="BasedOn"/> names another one); queues have no such place and are read whole. Default false.</summary>
    public bool Incremental { get; init; }

    /// <summary>The id of the backup to go on from; it means <see cref="Incremental"/>. Default: the newest that fits, and where there is none, a backup that stands by itself.</summary>
    public string? BasedOn { get; init; }

    /// <summary>Leave the definitions out. Default false.</summary>
    public bool SkipDefinitions { get; init; }

    /// <summary>Default zstd.</summary>
    public SegmentCompression Compression { get; init; } = SegmentCompression.Zstd;

    /// <summary>Default binary.</summary>
    public RecordFormat RecordFormat { get; init; } = RecordFormat.Binary;

    /// <summary>Uncompressed bytes after which a segment is cut. Default 64 MiB; 64 KiB to 1 GiB.</summary>
    public long SegmentBytes { get; init; } = 64 << 20;

    /// <summary>Time after which a segment is cut. Default 5 minutes; at least 1 second.</summary>
    public TimeSpan SegmentInterval { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Queues read at the same time, each over its own connection. Default 4; 1 to 64.</summary>
    public int MaxConcurrentQueues { get; init; } = 4;

    /// <summary>
    /// Deliveries that are kept for the application's own retries on quorum queues where each read costs one (before RabbitMQ 4.3): reading stops at a message that has no more left.
    /// Default: a fifth of the queue's delivery limit, at least 1. 0 to 1,000,000.
    /// </summary>
    public long? DeliveryLimitReserve { get; init; }

    /// <summary>How long messages may be held, so that consumers don't get them. What is not reached in this time is left out. Default: as long as the broker allows; at least 1 second.</summary>
    public TimeSpan? MaxHoldTime { get; init; }

    /// <summary>Messages read per second, over all queues. Default: no limit; at least 1.</summary>
    public long? MaxMessagesPerSecond { get; init; }

    /// <summary>Bytes of bodies and properties read per second, over all queues. Default: no limit; at least 1,024.</summary>
    public long? MaxBytesPerSecond { get; init; }

    /// <summary>Go on with the unfinished backup of this id: what is in its checkpoint stays as long as it matches. Default false.</summary>
    public bool Resume { get; init; }

    /// <summary>The folder of the checkpoint. Default: one in the user's local data; where the account has none, a temporary one.</summary>
    public string? CheckpointPath { get; init; }

    /// <summary>The longest time that a change of the checkpoint waits for its copy in the store. Default 30 s; zero for no copy.</summary>
    public TimeSpan CheckpointInterval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How a read that the broker broke off is repeated. Default: 8 attempts within 5 minutes.</summary>
    public RetryOptions Retry { get; init; } = new() { MaxAttempts = 8, FirstDelay = TimeSpan.FromMilliseconds(500) };

    /// <summary>After the cancellation, the time in which what is held goes back and what was read is committed. Default 5 s.</summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Ends the run at once, also while it comes to an orderly end: connections drop, and the broker takes back what was held. Default: never.</summary>
    public CancellationToken Abort { get; init; }

    /// <summary>Read also what the pre-flight check calls unsafe, where that makes sense. Default false.</summary>
    public bool Force { get; init; }

    /// <summary>Takes away the lease of a run of the same id whose process is gone. Default false: such a lease is an error that names the holder.</summary>
    public bool BreakStaleLease { get; init; }
}
