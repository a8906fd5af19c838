using System.Collections;
using System.Management.Automation;
using RabbitMqBackup.Cmdlets.Completion;
using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Cmdlets;

/// <summary>Base of the cmdlets for definitions: what is selected, transformed and renamed, and where they are read from.</summary>
public abstract class DefinitionsCmdlet : BrokerCmdlet
{
    private readonly List<DefinitionObject> _singles = [];

    /// <summary>Virtual hosts, with wildcards; users and other cluster-wide objects are left out then. Default: all.</summary>
    [Parameter]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(VirtualHostCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] VirtualHost { get; set; } = [];

    /// <summary>Queues, with wildcards, and with them the bindings and exchanges that lead to them.</summary>
    [Parameter]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(QueueNameCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Queue { get; set; } = [];

    /// <summary>Exchanges, with wildcards, and with them the bindings and exchanges that lead to them.</summary>
    [Parameter]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(ExchangeCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Exchange { get; set; } = [];

    /// <summary>Users, with wildcards, and with them their permissions.</summary>
    [Parameter]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(UserCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] User { get; set; } = [];

    /// <summary>Policies and operator policies, with wildcards.</summary>
    [Parameter]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(PolicyCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Policy { get; set; } = [];

    /// <summary>Parameters of components such as shovels and federation upstreams, by name, with wildcards.</summary>
    [Parameter]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(ParameterCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Parameter { get; set; } = [];

    /// <summary>Named changes, e.g. MigrateTo4; they can be combined.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(TransformationCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Transform { get; set; } = [];

    /// <summary>New names of virtual hosts by their old ones.</summary>
    [Parameter]
    [ValidateNotNull]
    public Hashtable VirtualHostMap { get; set; } = [];

    /// <summary>New names of users by their old ones.</summary>
    [Parameter]
    [ValidateNotNull]
    public Hashtable UserMap { get; set; } = [];

    /// <summary>New beginnings of the names of queues and exchanges by their old ones.</summary>
    [Parameter]
    [ValidateNotNull]
    public Hashtable PrefixMap { get; set; } = [];

    /// <summary>Where the objects of a file of one virtual host belong. Default: the name that the file has for it.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? TargetVirtualHost { get; set; }

    /// <inheritdoc/>
    protected override void Begin() => DefinitionsTransformations.Check(Transform);

    /// <summary>Which objects are meant.</summary>
    private protected DefinitionsSelection Selection => new() { VirtualHosts = VirtualHost, Queues = Queue, Exchanges = Exchange, Users = User, Policies = Policy, Parameters = Parameter };

    /// <summary>The names that are changed.</summary>
    private protected DefinitionsRemapping Remapping => new()
    {
        VirtualHosts = Names(VirtualHostMap, nameof(VirtualHostMap)),
        Users = Names(UserMap, nameof(UserMap)),
        NamePrefixes = Names(PrefixMap, nameof(PrefixMap)),
    };

    /// <summary>Reads a source; a single object is kept until <see cref="TakeSingles"/>, and there is no document for it.</summary>
    private protected DefinitionsDocument? Read(DefinitionsSource source)
    {
        if (source.Single is { } item)
        {
            _singles.Add(item);
            return null;
        }

        return source.Connection is { } connection ? ReadLive(Open(connection)) : Run(source.ReadAsync);
    }

    /// <summary>The definitions of a running cluster.</summary>
    private protected DefinitionsDocument ReadLive(RabbitConnection connection) => Run(token =>
    {
        Progress.Report(new() { Activity = "Reading definitions", Current = connection.ToString(), Unit = "objects" });
        return DefinitionsExporter.ExportAsync(connection.Options, new(), token);
    });

    /// <summary>The single objects that came down the pipeline, as one set of definitions; null where there were none.</summary>
    private protected DefinitionsDocument? TakeSingles()
    {
        if (_singles.Count == 0)
        {
            return null;
        }

        DefinitionsDocument document = DefinitionsDocument.FromObjects(_singles.ToArray());
        _singles.Clear();
        return document;
    }

    /// <summary>Only what does not name its virtual host can be put into one.</summary>
    /// <exception cref="ArgumentException">-TargetVirtualHost was given, and all definitions name theirs.</exception>
    private protected void CheckTarget(params DefinitionsDocument[] documents)
    {
        if (TargetVirtualHost is not null && documents.All(document => !document.IsSingleVirtualHost && document.Objects.Any(item => item.VirtualHost is not null)))
        {
            throw new ArgumentException("-TargetVirtualHost is for a file of one virtual host, and these definitions name their virtual hosts: -VirtualHostMap renames them.", nameof(TargetVirtualHost));
        }
    }

    /// <summary>Tells what was odd.</summary>
    private protected void Warn(IEnumerable<string> warnings)
    {
        foreach (string warning in warnings)
        {
            WriteWarning(warning);
        }
    }

    private static Dictionary<string, string> Names(Hashtable map, string parameter)
    {
        Dictionary<string, string> names = new(StringComparer.Ordinal);
        foreach (DictionaryEntry pair in map)
        {
            names[$"{pair.Key}"] = $"{pair.Value}" is { Length: > 0 } name || parameter == nameof(PrefixMap)
                ? $"{pair.Value}"
                : throw new ArgumentException($"-{parameter} has no new name for '{pair.Key}'.", parameter);
        }

        return names;
    }
}
