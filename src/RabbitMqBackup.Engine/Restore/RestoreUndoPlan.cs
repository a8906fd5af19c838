using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>What taking a restore back will do, decided before anything is touched.</summary>
public sealed record RestoreUndoPlan
{
    /// <summary>The restore.</summary>
    public required string RestoreId { get; init; }

    /// <summary>The cluster.</summary>
    public required BrokerOptions Broker { get; init; }

    /// <summary>Everything that the restore created, in the order in which it is removed.</summary>
    public required IReadOnlyList<RestoreUndoItem> Items { get; init; }

    /// <summary>For a confirmation: what it is done to.</summary>
    public string Target => Broker.DisplayUri;

    /// <summary>For a confirmation: what is done.</summary>
    public string Summary =>
        $"Undo the restore '{RestoreId}': remove {Items.Count(item => item.IsRemoved)} object(s) with {Items.Where(item => item.IsRemoved).Sum(item => item.Messages)} message(s), leave {Items.Count(item => !item.IsRemoved)} as they are";

    /// <summary>The definitions' part.</summary>
    internal UndoPlan? Definitions { get; init; }
}
