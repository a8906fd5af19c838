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

    /// <summary>
    /// Follow the streams as messages are written to them, until the run is cancelled or <see cref="Duration"/> is over; then what is open is stored and the manifest written. Only streams can be
    /// followed: queues are left out. Default false.
    /// </summary>
    public bool Continuous { get; init; }

    /// <summary>How long streams are followed. Default null: until the run is cancelled.</summary>
    public TimeSpan? Duration { get; init; }

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

    /// <summary>Read also what the pre-flight check calls unsafe, where that makes sense. Default false.</summary>
    public bool Force { get; init; }
}
