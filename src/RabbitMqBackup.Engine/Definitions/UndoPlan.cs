using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>What taking an import back will do, decided before anything is touched.</summary>
public sealed record UndoPlan
{
    /// <summary>The cluster.</summary>
    public required BrokerOptions Broker { get; init; }

    /// <summary>The import.</summary>
    public required ImportReport Report { get; init; }

    /// <summary>
    /// What the import created or changed: <see cref="ImportOutcome.Removed"/> and <see cref="ImportOutcome.Changed"/> will be done, <see cref="ImportOutcome.Failed"/> and
    /// <see cref="ImportOutcome.Conflict"/> can't, for the reason given, <see cref="ImportOutcome.Equal"/> is as it was already. In the order in which it is done.
    /// </summary>
    public required IReadOnlyList<ImportItem> Items { get; init; }

    /// <summary>For a confirmation: what it is done to.</summary>
    public string Target => Broker.DisplayUri;

    /// <summary>For a confirmation: what is done.</summary>
    public string Summary => $"Undo an import: remove {Count(ImportOutcome.Removed)} object(s), change {Count(ImportOutcome.Changed)} back, leave {Count(ImportOutcome.Failed) + Count(ImportOutcome.Conflict)} as they are";

    private int Count(ImportOutcome outcome) => Items.Count(item => item.Outcome == outcome);
}
