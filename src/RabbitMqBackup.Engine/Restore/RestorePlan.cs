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

    /// <summary>Exchanges that can be published to, by virtual host, where that matters: with <see cref="PublishMode.Exchange"/>.</summary>
    internal IReadOnlyDictionary<string, IReadOnlySet<string>> Exchanges { get; init; } = new Dictionary<string, IReadOnlySet<string>>();

    /// <summary>For a confirmation: what is done.</summary>
    public string Summary
    {
        get
        {
            List<RestorePlanQueue> rows = [.. Queues.Where(queue => queue.Conflicts.Count == 0 && !queue.IsSkipped)];
            string most = rows.Exists(queue => queue.IsEstimate) ? "at most " : "";
            int left = Queues.Count - rows.Count;
            string rest = left == 0 ? "" : $"; {left} queue(s) are left alone";
            return $"Restore {most}{rows.Sum(queue => queue.Messages)} message(s) into {rows.Count} queue(s), {rows.Count(queue => queue.Declares)} of them declared anew{rest}";
        }
    }
}
