using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>What to import, and where.</summary>
public sealed record ImportOptions
{
    /// <summary>The target cluster.</summary>
    public required BrokerOptions Broker { get; init; }

    /// <summary>What to import.</summary>
    public required DefinitionsDocument Document { get; init; }

    /// <summary>What is done to it before: selection, transformations, other names. Default: nothing.</summary>
    public DefinitionsEdit Edit { get; init; } = new();
}
