namespace RabbitMqBackup.Engine.Broker;

/// <summary>How one node of the cluster is.</summary>
internal sealed record NodeHealth
{
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
}
