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
}
