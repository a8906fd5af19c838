namespace RabbitMqBackup.Engine.Definitions;

/// <summary>Which definitions are meant. Patterns as in <see cref="Broker.QueueSelection"/>.</summary>
public sealed record DefinitionsSelection
{
    /// <summary>Virtual hosts; cluster-wide objects (users, global parameters) are left out when any is given. Default: everything.</summary>
    public IReadOnlyList<string> VirtualHosts { get; init; } = [];
}
