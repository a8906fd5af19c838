using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>What to import, and where.</summary>
public sealed record ImportOptions
{
    /// <summary>The target cluster.</summary>
    public required BrokerOptions Broker { get; init; }

    /// <summary>What to import.</summary>
    public required DefinitionsDocument Document { get; init; }

    /// <summary>Where the objects of a file of one virtual host go. Default: the name that the file has for it.</summary>
    public string? VirtualHost { get; init; }

    /// <summary>Which of the objects to import. Default: all.</summary>
    public DefinitionsSelection Selection { get; init; } = new();

    /// <summary>Names of transformations (<see cref="DefinitionsTransformations.Names"/>) to apply before. Default: none.</summary>
    public IReadOnlyList<string> Transformations { get; init; } = [];

    /// <summary>Other names for the objects, given after the transformations. Default: none.</summary>
    public DefinitionsRemapping Remapping { get; init; } = new();
}
