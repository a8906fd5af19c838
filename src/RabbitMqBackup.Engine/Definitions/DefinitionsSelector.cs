using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>Finds the objects of a <see cref="DefinitionsSelection"/> in one document, and what belongs to them.</summary>
internal sealed class DefinitionsSelector
{
    private const string OperatorPolicy = "operator_policy";

    private readonly DefinitionsSelection _selection;
    private readonly bool _mustFind;
    private readonly IReadOnlyList<DefinitionObject> _objects;
    private readonly HashSet<DefinitionKey> _taken = [];

    internal DefinitionsSelector(DefinitionsSelection selection, DefinitionsDocument document, bool mustFind)
    {
        _selection = selection;
        _mustFind = mustFind;
        List<WildcardPattern> hosts = Patterns(selection.VirtualHosts);
        RequireNamed(hosts, "virtual host", document.Objects.Select(item => item.VirtualHost).OfType<string>());
        _objects = [.. document.Objects.Where(item => hosts.Count == 0 || (item.VirtualHost is { } host ? Any(hosts, host) : selection.NamesObjects))];
    }

    /// <summary>The objects, in the document's order.</summary>
    internal IEnumerable<DefinitionObject> Select()
    {
        if (!_selection.NamesObjects)
        {
            return _objects;
        }

        Take(_selection.Queues, "queue", Of<QueueDefinition>());
        Take(_selection.Exchanges, "exchange", Of<ExchangeDefinition>());
        Take(_selection.Users, "user", Of<UserDefinition>());
        Take(_selection.Policies, "policy", _objects.Where(item => item is PolicyDefinition or ParameterDefinition { Component: OperatorPolicy }));
        Take(_selection.Parameters, "parameter", Of<ParameterDefinition>());
        TakeRoutes();
        TakeRights();
        HashSet<string> hosts = [.. _taken.Select(key => key.VirtualHost).OfType<string>()];
        return _objects.Where(item => _taken.Contains(item.Key) || (item is VirtualHostDefinition host && hosts.Contains(host.Name)));
    }

    private static List<WildcardPattern> Patterns(IReadOnlyList<string> names) => [.. names.Select(name => new WildcardPattern(name))];

    private static bool Any(List<WildcardPattern> patterns, string name) => patterns.Exists(pattern => pattern.Matches(name));

    private void RequireNamed(List<WildcardPattern> patterns, string noun, IEnumerable<string> names)
    {
        List<WildcardPattern> missing = patterns.FindAll(pattern => pattern.IsLiteral);
        foreach (string name in names)
        {
            missing.RemoveAll(pattern => pattern.Matches(name));
            if (missing.Count == 0)
            {
                return;
            }
        }

        if (_mustFind && missing.Count > 0)
        {
            throw new RabbitBackupException(ErrorCode.DefinitionInvalid, $"There is no {noun} '{missing[0].Text}' in the definitions.") { Target = missing[0].Text };
        }
    }

    private void Take(IReadOnlyList<string> names, string noun, IEnumerable<DefinitionObject> candidates)
    {
        List<WildcardPattern> patterns = Patterns(names);
        List<DefinitionObject> all = [.. candidates];
        RequireNamed(patterns, noun, all.Select(item => item.Name));
        _taken.UnionWith(all.Where(item => Any(patterns, item.Name)).Select(item => item.Key));
    }

    /// <summary>
    /// Follows bindings upstream from what was taken, and dead-letter and alternate exchanges downstream, until nothing new turns up.
    /// </summary>
    private void TakeRoutes()
    {
        ILookup<(string?, string, string), BindingDefinition> into = Of<BindingDefinition>().ToLookup(binding => (binding.VirtualHost, binding.DestinationType, binding.Destination));
        Dictionary<(string?, string), ExchangeDefinition> exchanges = [];
        foreach (ExchangeDefinition exchange in Of<ExchangeDefinition>())
        {
            exchanges[(exchange.VirtualHost, exchange.Name)] = exchange;
        }

        Queue<DefinitionObject> open = new(_objects.Where(item => item is QueueDefinition or ExchangeDefinition && _taken.Contains(item.Key)));
        while (open.TryDequeue(out DefinitionObject? item))
        {
            foreach (BindingDefinition binding in into[(item.VirtualHost, item is QueueDefinition ? "queue" : "exchange", item.Name)])
            {
                _taken.Add(binding.Key);
                Follow(item.VirtualHost, binding.Source);
            }

            string reference = item is QueueDefinition ? "x-dead-letter-exchange" : "alternate-exchange";
            if (item.Json.Member("arguments").Text(reference) is { } name)
            {
                Follow(item.VirtualHost, name);
            }
        }

        void Follow(string? host, string name)
        {
            // The broker's own exchanges are in no document.
            if (exchanges.TryGetValue((host, name), out ExchangeDefinition? exchange) && _taken.Add(exchange.Key))
            {
                open.Enqueue(exchange);
            }
        }
    }

    private void TakeRights()
    {
        HashSet<string> users = [.. Of<UserDefinition>().Where(user => _taken.Contains(user.Key)).Select(user => user.Name)];
        _taken.UnionWith(_objects.Where(item => item is PermissionDefinition or TopicPermissionDefinition && users.Contains(item.Name)).Select(item => item.Key));
    }

    private IEnumerable<T> Of<T>()
        where T : DefinitionObject => _objects.OfType<T>();
}
