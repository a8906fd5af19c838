using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>What a backup will do, decided before anything is touched.</summary>
public sealed record BackupPlan
{
    /// <summary>The options it was made from.</summary>
    public required BackupOptions Options { get; init; }

    /// <summary>The id that the backup will have.</summary>
    public required string BackupId { get; init; }

    /// <summary>The cluster's name.</summary>
    public required string ClusterName { get; init; }

    /// <summary>The broker's version.</summary>
    public required string RabbitMqVersion { get; init; }

    /// <summary>More than one node runs: one that dies does not take the queues with it.</summary>
    internal bool IsCluster { get; init; }

    /// <summary>The numeric part of <see cref="RabbitMqVersion"/>.</summary>
    internal Version Version { get; init; } = new();

    /// <summary>The id of the backup that streams are read on from, or null.</summary>
    public string? BasedOn => Base?.Manifest.BackupId;

    /// <summary>What that backup knows.</summary>
    internal IncrementalBase? Base { get; init; }

    /// <summary>The queues, with their verdicts.</summary>
    public required IReadOnlyList<QueueInfo> Queues { get; init; }

    /// <summary>What the pre-flight check was told; the same when the queues are read.</summary>
    internal ReadSafetyOptions SafetyOptions { get; init; } = new();

    /// <summary>For a confirmation: what it is done to.</summary>
    public string Target => $"{Options.Store} / {BackupId}";

    /// <summary>For a confirmation: what is done.</summary>
    public string Summary => Options.Continuous
        ? $"Follow {Queues.Count} stream(s) of {ClusterName} {(Options.Duration is { } duration ? $"for {duration}" : "until stopped")}"
        : $"Back up {Queues.Count} queue(s) of {ClusterName}, about {Queues.Sum(queue => queue.Messages)} message(s)";
}
