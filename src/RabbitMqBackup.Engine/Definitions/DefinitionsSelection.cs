using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>
/// Which definitions are meant. Patterns as in <see cref="QueueSelection"/>. With nothing given: everything. With virtual hosts alone: all that is in them. With other names: these objects and
/// what belongs to them, in the virtual hosts given.
/// </summary>
public sealed record DefinitionsSelection
{
    /// <summary>Virtual hosts. Cluster-wide objects (users, global parameters) are left out when any is given, unless named. Default: all.</summary>
    public IReadOnlyList<string> VirtualHosts { get; init; } = [];

    /// <summary>Queues, with the bindings that lead to them, the exchanges that these come from, dead-letter and alternate exchanges. Default: none.</summary>
    public IReadOnlyList<string> Queues { get; init; } = [];

    /// <summary>Exchanges, with the exchanges and bindings that lead to them, and alternate exchanges. Default: none.</summary>
    public IReadOnlyList<string> Exchanges { get; init; } = [];

    /// <summary>Users, with their permissions and topic permissions. Default: none.</summary>
    public IReadOnlyList<string> Users { get; init; } = [];

    /// <summary>Policies, also operator policies. Default: none.</summary>
    public IReadOnlyList<string> Policies { get; init; } = [];

    /// <summary>Parameters of components, by name. Default: none.</summary>
    public IReadOnlyList<string> Parameters { get; init; } = [];

    /// <summary>Nothing is given: everything is meant.</summary>
    internal bool IsEverything => VirtualHosts.Count == 0 && !NamesObjects;

    /// <summary>Objects are named, not only virtual hosts.</summary>
    internal bool NamesObjects => Queues.Count + Exchanges.Count + Users.Count + Policies.Count + Parameters.Count > 0;

    /// <summary>The selected part of a document.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.DefinitionInvalid"/>: what was named without a wildcard is not there.</exception>
    public DefinitionsDocument Apply(DefinitionsDocument document) => Apply(document, mustFind: true);

    /// <summary>The same; what was named and is not there can be no error.</summary>
    internal DefinitionsDocument Apply(DefinitionsDocument document, bool mustFind) => IsEverything ? document : document.WithObjects(new DefinitionsSelector(this, document, mustFind).Select());
}
