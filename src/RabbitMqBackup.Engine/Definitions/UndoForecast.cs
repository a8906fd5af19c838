using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>What taking an import back would do to each object, by the import's report and the target as it is now.</summary>
internal sealed class UndoForecast
{
    private readonly BrokerOptions _broker;
    private readonly ImportReport _report;
    private readonly bool _force;
    private readonly Dictionary<DefinitionKey, DefinitionObject> _before;
    private readonly Dictionary<DefinitionKey, DefinitionObject> _now;
    private readonly Dictionary<QueueName, QueueInfo> _queues;

    private UndoForecast(BrokerOptions broker, ImportReport report, bool force, DefinitionsDocument now, Dictionary<QueueName, QueueInfo> queues)
    {
        _broker = broker;
        _report = report;
        _force = force;
        _before = DefinitionsComparison.Index(report.Snapshot.Objects);
        _now = DefinitionsComparison.Index(now.Objects);
        _queues = queues;
    }

    internal static async Task<UndoPlan> MakeAsync(BrokerOptions broker, ManagementClient management, ImportReport report, bool force, CancellationToken cancellationToken)
    {
        DefinitionsDocument now = await DefinitionsExporter.ExportAsync(management, cancellationToken).ConfigureAwait(false);
        if (report.Snapshot.ClusterIdentity is { } made && now.ClusterIdentity is { } here && made != here && !report.Items.Any(item => item is { Kind: DefinitionKind.GlobalParameter, Definition.Name: "cluster_name" }))
        {
            throw new RabbitBackupException(ErrorCode.DefinitionConflict, $"The import was made on another cluster: on '{made}', and {broker.DisplayUri} is '{here}'.")
            {
                Target = broker.DisplayUri,
                Hint = "Give the connection to the cluster that it was made on.",
            };
        }

        Dictionary<QueueName, QueueInfo> queues = [];
        if (report.Items.Any(item => item is { Outcome: ImportOutcome.Created, Kind: DefinitionKind.Queue or DefinitionKind.VirtualHost }))
        {
            await foreach (QueueInfo queue in management.ListQueuesAsync(null, cancellationToken).ConfigureAwait(false))
            {
                queues[new(queue.VirtualHost, queue.Name)] = queue;
            }
        }

        return new UndoForecast(broker, report, force, now, queues).Plan();
    }

    /// <summary>
    /// The other way round than an import: bindings before queues, queues before exchanges, virtual hosts near the end; permissions last, since without them nobody sees what is in a virtual host.
    /// </summary>
    private UndoPlan Plan()
    {
        List<ImportItem> removals =
        [
            .. _report.Items.Where(item => item.Outcome is ImportOutcome.Created)
                .OrderBy(item => item.Kind == DefinitionKind.Permission).ThenByDescending(item => item.Kind).Select(item => Removal(item.Definition)),
        ];
        HashSet<DefinitionKey> removed = [.. removals.Where(item => item.Outcome is ImportOutcome.Removed).Select(item => item.Definition.Key)];
        ILookup<(string?, string), BindingDefinition> bindings = BindingsThatStay(removed);
        Keep(removals, removed, item => item is ExchangeDefinition ? bindings[(item.VirtualHost, item.Name)].FirstOrDefault() : null);
        Keep(removals, removed, item => item is VirtualHostDefinition ? Others(item.Name, removed) : null);
        HashSet<string> staying = [.. removals.Where(item => item is { Kind: DefinitionKind.VirtualHost, Outcome: ImportOutcome.Failed }).Select(item => item.Definition.Name)];
        removals = [.. removals.Select(item => StaysWithHost(item, staying) ? item with { Outcome = ImportOutcome.Failed, Reason = ImportUndo.HostStays } : item)];
        removed.RemoveWhere(key => key.Kind == DefinitionKind.Permission && staying.Contains(key.VirtualHost ?? ""));
        ILookup<string, DefinitionObject> rights = RightsThatStay(removed);
        Keep(removals, removed, item => item is UserDefinition ? rights[item.Name].FirstOrDefault() : null);

        IEnumerable<ImportItem> changes = _report.Items.Where(item => item.Outcome is ImportOutcome.Changed).Select(item => Reversal(item.Definition));
        return new()
        {
            Broker = _broker,
            Report = _report,
            Items = [.. removals, .. changes],
        };
    }

    /// <summary>What something of others would go with is not removed: bindings go with an exchange, permissions with a user, and everything with a virtual host.</summary>
    private static void Keep(List<ImportItem> removals, HashSet<DefinitionKey> removed, Func<DefinitionObject, object?> others)
    {
        for (int i = 0; i < removals.Count; i++)
        {
            if (removals[i].Outcome is ImportOutcome.Removed && others(removals[i].Definition) is { } other)
            {
                removed.Remove(removals[i].Definition.Key);
                removals[i] = removals[i] with { Outcome = ImportOutcome.Failed, Reason = $"it has what the import did not make or what stays, e.g. the {other}" };
            }
        }
    }

    /// <summary>Bindings that are there after the undo, by the exchanges that they come from and lead to.</summary>
    private ILookup<(string?, string), BindingDefinition> BindingsThatStay(HashSet<DefinitionKey> removed) => _now.Values.OfType<BindingDefinition>()
        .Where(binding => !GoesAnyway(binding, removed))
        .SelectMany(binding => binding.DestinationType == "exchange" ? new[] { binding.Source, binding.Destination } : [binding.Source], (binding, exchange) => (Exchange: (binding.VirtualHost, exchange), Binding: binding))
        .ToLookup(pair => pair.Exchange, pair => pair.Binding);

    /// <summary>What users may do after the undo, by user.</summary>
    private ILookup<string, DefinitionObject> RightsThatStay(HashSet<DefinitionKey> removed) => _now.Values
        .Where(item => item is PermissionDefinition or TopicPermissionDefinition && !removed.Contains(item.Key) && !removed.Contains(new(DefinitionKind.VirtualHost, item.VirtualHost, item.VirtualHost ?? "")))
        .ToLookup(item => item.Name);

    // With its queue, which the import made.
    private static bool GoesAnyway(BindingDefinition binding, HashSet<DefinitionKey> removed) =>
        removed.Contains(binding.Key) || (binding.DestinationType == "queue" && removed.Contains(new(DefinitionKind.Queue, binding.VirtualHost, binding.Destination)));

    private static bool StaysWithHost(ImportItem item, HashSet<string> staying) =>
        item is { Outcome: ImportOutcome.Removed, Kind: DefinitionKind.Permission } && staying.Contains(item.Definition.VirtualHost ?? "");

    private ImportItem Removal(DefinitionObject item)
    {
        if (!_now.TryGetValue(item.Key, out DefinitionObject? there))
        {
            return new() { Definition = item, Outcome = ImportOutcome.Equal, Reason = "it is not there any more" };
        }

        if (!_force && ImportForecast.Describe(item, there) is { Length: > 0 } differences)
        {
            return new() { Definition = item, Outcome = ImportOutcome.Conflict, Reason = $"it was changed since: {differences}" };
        }

        return item is QueueDefinition && _queues.GetValueOrDefault(new(item.VirtualHost ?? "", item.Name)) is { } queue && ImportUndo.Objection(queue.Messages + queue.Unacknowledged, queue.Consumers) is { } objection
            ? new() { Definition = item, Outcome = ImportOutcome.Failed, Reason = objection }
            : new() { Definition = item, Outcome = ImportOutcome.Removed };
    }

    private ImportItem Reversal(DefinitionObject item)
    {
        // The report of an import has the object as it was imported, its snapshot as it was before.
        DefinitionObject before = _before[item.Key];
        if (_now.TryGetValue(item.Key, out DefinitionObject? there))
        {
            string back = ImportForecast.Describe(there, before);
            if (back.Length == 0)
            {
                return new() { Definition = before, Outcome = ImportOutcome.Equal };
            }

            if (_force || ImportForecast.Describe(item, there) is not { Length: > 0 } differences)
            {
                return new() { Definition = before, Outcome = ImportOutcome.Changed, Reason = back };
            }

            return new() { Definition = before, Outcome = ImportOutcome.Conflict, Reason = $"it was changed since: {differences}" };
        }

        return new() { Definition = before, Outcome = _force ? ImportOutcome.Changed : ImportOutcome.Conflict, Reason = "it was deleted since" };
    }

    /// <summary>Something in a virtual host that would go with it and must not.</summary>
    private object? Others(string host, HashSet<DefinitionKey> removed) =>
        _now.Values.FirstOrDefault(item => item.VirtualHost == host && item.Kind is not (DefinitionKind.VirtualHost or DefinitionKind.Permission) && !item.IsBrokersOwn && !removed.Contains(item.Key))
        ?? (object?)_queues.Values.FirstOrDefault(queue => queue.VirtualHost == host && !removed.Contains(new(DefinitionKind.Queue, host, queue.Name)));
}
