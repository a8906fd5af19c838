namespace RabbitMqBackup.Engine.Verification;

/// <summary>What trying a restore out showed.</summary>
public sealed record DrillReport
{
    /// <summary>The cluster it was tried on.</summary>
    public required string Target { get; init; }

    /// <summary>The virtual host that was made for it; it is gone again.</summary>
    public required string VirtualHost { get; init; }

    /// <summary>Time from the first declare to the last confirm.</summary>
    public TimeSpan TimeToRestore { get; init; }

    /// <summary>Messages restored.</summary>
    public long Messages => Queues.Sum(queue => queue.Restored);

    /// <summary>Queues of the backup that were not drawn.</summary>
    public int QueuesLeftOut { get; init; }

    /// <summary>One row per queue.</summary>
    public required IReadOnlyList<DrillQueue> Queues { get; init; }

    /// <inheritdoc/>
    public override string ToString() => $"{Messages} message(s) of {Queues.Count} queue(s) in {TimeToRestore.TotalSeconds:0.0} s";
}
