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

    /// <summary>Read also what the pre-flight check calls unsafe, where that makes sense. Default false.</summary>
    public bool Force { get; init; }
}
