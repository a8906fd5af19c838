namespace RabbitMqBackup.Engine.Broker;

/// <summary>How one node of the cluster is.</summary>
internal sealed record NodeHealth
{
    /// <summary>A quorum queue's whole prefetch can lie in the broker's memory once more, so there must be room.</summary>
    private const double NearWatermark = 0.9;

    /// <summary>Node name.</summary>
    public required string Name { get; init; }

    /// <summary>It runs.</summary>
    public bool Running { get; init; }

    /// <summary>Its memory alarm is on: publishers are blocked.</summary>
    public bool MemoryAlarm { get; init; }

    /// <summary>Its disk alarm is on: publishers are blocked.</summary>
    public bool DiskAlarm { get; init; }

    /// <summary>Memory in use, bytes.</summary>
    public long MemoryUsed { get; init; }

    /// <summary>Memory at which the alarm goes on, bytes; 0 where the node does not say.</summary>
    public long MemoryLimit { get; init; }

    /// <summary>Free disk, bytes.</summary>
    public long DiskFree { get; init; }

    /// <summary>Free disk at which the alarm goes on, bytes.</summary>
    public long DiskFreeLimit { get; init; }

    /// <summary>What makes a further load on it unwise, as a sentence's middle; null where nothing does.</summary>
    internal string? Trouble => !Running ? null
        : MemoryAlarm ? "has its memory alarm on"
        : DiskAlarm ? "has its disk alarm on"
        : MemoryLimit > 0 && MemoryUsed >= MemoryLimit * NearWatermark ? $"uses {MemoryUsed >> 20} of the {MemoryLimit >> 20} MiB of memory at which its alarm goes on"
        : null;
}
