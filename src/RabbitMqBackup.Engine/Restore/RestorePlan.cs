namespace RabbitMqBackup.Engine.Restore;

/// <summary>What a restore will do, decided before anything is changed.</summary>
public sealed record RestorePlan
{
    /// <summary>The options it was made from.</summary>
    public required RestoreOptions Options { get; init; }

    /// <summary>One row per source queue.</summary>
    public required IReadOnlyList<RestorePlanQueue> Queues { get; init; }

    /// <summary>For a confirmation: what it is done to.</summary>
    public string Target => Options.Broker.DisplayUri;

    /// <summary>For a confirmation: what is done.</summary>
    public string Summary =>
        $"Restore {Queues.Sum(queue => queue.Messages)} message(s) into {Queues.Count} queue(s), {Queues.Count(queue => queue.Declares)} of them declared anew";
}
