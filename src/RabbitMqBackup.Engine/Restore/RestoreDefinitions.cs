using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>
/// The definitions that a full restore brings back: those that are missing. What is there stays as it is, however it differs: to change it is Import-RabbitDefinitions' business. Of a backup that does
/// not hold all queues of the cluster only the virtual hosts that it holds whole are meant.
/// </summary>
internal static class RestoreDefinitions
{
    /// <summary>What would be created; null where definitions are no part of this restore.</summary>
    /// <exception cref="RabbitBackupException">The backup's definitions are damaged, or the management API can't be used.</exception>
    internal static async Task<ImportPlan?> PlanAsync(RestoreOptions options, TargetCluster target, IEngineLog log, CancellationToken cancellationToken)
    {
        if (!IsFull(options) || options.Manifest is not { Definitions: not null, Store: { } store } manifest)
        {
            return null;
        }

        if (!target.User.IsAdministrator)
        {
            log.DefinitionsLeftOut(target.User.Name);
            return null;
        }

        byte[]? json;
        BackupCatalog catalog = new(store);
        await using (catalog.ConfigureAwait(false))
        {
            json = await catalog.GetDefinitionsAsync(manifest, cancellationToken).ConfigureAwait(false);
        }

        DefinitionsDocument document = InScope(DefinitionsDocument.Parse(json!, $"definitions of {manifest.BackupId}"), manifest);
        bool isMigration = target.Overview.Version.Major >= 4 && manifest.RabbitMqVersion.StartsWith("3.", StringComparison.Ordinal);
        if (isMigration)
        {
            document = DefinitionsTransformations.Apply(document, ["RemoveClassicMirroring", "RemoveRefusedBy4"]).Document;
        }

        ImportPlan plan = await new DefinitionsImporter(log).PlanAsync(new ImportOptions { Broker = options.Broker, Document = Renamed(document, options) }, cancellationToken).ConfigureAwait(false);
        return plan with { Items = [.. plan.Items.Where(item => item.Outcome is ImportOutcome.Created)] };
    }

    /// <summary>The plan without the queues that the restore declares itself.</summary>
    internal static ImportPlan? Without(ImportPlan? plan, IEnumerable<RestorePlanQueue> rows)
    {
        HashSet<QueueName> own = [.. rows.Select(row => new QueueName(row.TargetVirtualHost, row.TargetQueue))];
        return plan is null ? null : plan with
        {
            Items = [.. plan.Items.Where(item => item.Definition is not QueueDefinition queue || !own.Contains(new QueueName(queue.VirtualHost ?? "", queue.Name)))],
        };
    }

    /// <summary>Shovels, federation upstreams and the policies that use them move messages: they come when the messages are there.</summary>
    internal static bool MovesMessages(DefinitionObject item) => item switch
    {
        ParameterDefinition parameter => parameter.Component is "shovel" or "federation-upstream" or "federation-upstream-set",
        PolicyDefinition policy => policy.Definition.Keys.Any(key => key.StartsWith("federation-upstream", StringComparison.Ordinal)),
        _ => false,
    };

    /// <summary>A backup, all of it.</summary>
    private static bool IsFull(RestoreOptions options) =>
        options is { SkipDefinitions: false, Manifest: not null, Scratch: null, First: null, Last: null } && options.Queues.Count + options.VirtualHosts.Count == 0 && RecordFilter.From(options).IsEverything;

    private static DefinitionsDocument InScope(DefinitionsDocument document, BackupManifest manifest)
    {
        HashSet<QueueName> held = [.. manifest.Queues.Select(queue => new QueueName(queue.VirtualHost, queue.Name))];
        HashSet<string> partly = [.. document.Queues.Where(queue => !held.Contains(new QueueName(queue.VirtualHost ?? "", queue.Name))).Select(queue => queue.VirtualHost ?? "")];
        if (partly.Count == 0)
        {
            return document;
        }

        HashSet<string> whole = [.. manifest.Queues.Select(queue => queue.VirtualHost).Where(host => !partly.Contains(host))];
        return document.WithObjects(document.Objects.Where(item => whole.Contains(item is VirtualHostDefinition ? item.Name : item.VirtualHost ?? "")));
    }

    private static DefinitionsDocument Renamed(DefinitionsDocument document, RestoreOptions options)
    {
        if (options.VirtualHostMap.IsEmpty && options.QueueMap.IsEmpty && options.ExchangeMap.IsEmpty)
        {
            return document;
        }

        DefinitionsRenamer renamer = new()
        {
            VirtualHost = options.VirtualHostMap.Map,
            Queue = (_, name) => options.QueueMap.Map(name),
            Exchange = (_, name) => options.ExchangeMap.Map(name),
        };
        // Queues that become one under their new name are one; the restore itself says whether they fit each other.
        return document.WithObjects(document.Objects.Select(renamer.Apply).DistinctBy(item => item.Key));
    }
}
