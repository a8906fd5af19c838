using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>
/// Puts definitions into a running cluster and sees what became of them. A broker answers an import with "done" and skips, without a word, a queue or exchange that exists with other properties
/// and (3.x) a binding to something that is not there; so the target is exported before and after, and every object compared.
/// </summary>
public sealed class DefinitionsImporter(IEngineLog log)
{
    /// <summary>Looks at the target and compares. Changes nothing.</summary>
    /// <exception cref="ArgumentException">A file of one virtual host does not tell which, and neither do the options; or there is no transformation of a name.</exception>
    /// <exception cref="RabbitBackupException">The management API can't be used, or the selection or the new names do not fit the definitions.</exception>
    public async Task<ImportPlan> PlanAsync(ImportOptions options, CancellationToken cancellationToken = default)
    {
        DefinitionsDocument selected = options.Selection.Apply(options.Document.ToClusterWide(options.VirtualHost));
        (DefinitionsDocument transformed, IReadOnlyList<TransformationChange> changes) = DefinitionsTransformations.Apply(selected, options.Transformations);
        DefinitionsDocument document = options.Remapping.Apply(transformed);
        using ManagementClient management = new(options.Broker);
        DefinitionsDocument snapshot = await DefinitionsExporter.ExportAsync(management, cancellationToken).ConfigureAwait(false);
        Dictionary<DefinitionKey, DefinitionObject> target = DefinitionsComparison.Index(snapshot.Objects);
        IEnumerable<DefinitionObject> objects = DefinitionsComparison.Index(document.Objects).Values.OrderBy(item => item.Kind);
        List<ImportItem> items =
        [
            .. MissingVirtualHosts(document, target),
            .. objects.Select(item => Foresee(item, target.GetValueOrDefault(item.Key))),
            .. changes.Where(change => change.IsRemoval).Select(change => new ImportItem { Definition = change.Definition, Outcome = ImportOutcome.Skipped, Reason = $"{change.Transformation}: {change.Change}" }),
        ];
        return new() { Options = options, Snapshot = snapshot, Items = items, Changes = changes, Warnings = document.Warnings };
    }

    /// <summary>Imports what the plan has as new or changed, reads back, and compares. Safe to repeat.</summary>
    /// <exception cref="RabbitBackupException">
    /// The management API failed for good; part of the definitions may be in force. Objects that the broker refuses are no exception but items of the report.
    /// </exception>
    public async Task<ImportReport> ExecuteAsync(ImportPlan plan, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using ManagementClient management = new(plan.Options.Broker);
        ImportBatches batches = new(management, log, progress);
        IReadOnlyDictionary<DefinitionKey, string> refusals = await batches.SendAsync(
            [.. plan.Items.Where(item => item.Outcome is ImportOutcome.Created or ImportOutcome.Changed).Select(item => item.Definition)], cancellationToken).ConfigureAwait(false);
        DefinitionsDocument now = await DefinitionsExporter.ExportAsync(management, cancellationToken).ConfigureAwait(false);
        return new() { Items = [.. Judge(plan, refusals, now)], Snapshot = plan.Snapshot, Changes = plan.Changes, Warnings = plan.Warnings };
    }

    /// <summary>
    /// Takes an import back: what it created is deleted, but no queue that has messages or consumers and no virtual host that has queues of others; what it changed is imported from the snapshot. Reads
    /// back and tells for each object what became of it.
    /// </summary>
    /// <exception cref="RabbitBackupException">The management API failed for good.</exception>
    public async Task<ImportReport> UndoAsync(BrokerOptions broker, ImportReport report, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using ManagementClient management = new(broker);
        return await new ImportUndo(broker, management, log, progress).RunAsync(report, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Virtual hosts that objects are in, but that neither the document nor the target has.</summary>
    private static IEnumerable<ImportItem> MissingVirtualHosts(DefinitionsDocument document, Dictionary<DefinitionKey, DefinitionObject> target)
    {
        HashSet<string> known = [.. document.VirtualHosts.Select(host => host.Name), .. target.Keys.Where(key => key.Kind == DefinitionKind.VirtualHost).Select(key => key.Id)];
        return document.Objects.Select(item => item.VirtualHost).OfType<string>().Where(known.Add).Select(name => new ImportItem
        {
            Definition = VirtualHostDefinition.Named(name),
            Outcome = ImportOutcome.Created,
            Reason = "its objects need it; the definitions do not have it",
        });
    }

    private static ImportItem Foresee(DefinitionObject wanted, DefinitionObject? there)
    {
        if (wanted is GlobalParameterDefinition { Name: "internal_cluster_id" })
        {
            return new() { Definition = wanted, Outcome = ImportOutcome.Skipped, Reason = "it is the identity of the source cluster" };
        }

        if (DefinitionSecrets.IsRedacted(wanted))
        {
            return new() { Definition = wanted, Outcome = ImportOutcome.Skipped, Reason = "its secrets were redacted" };
        }

        if (there is null)
        {
            return new() { Definition = wanted, Outcome = ImportOutcome.Created };
        }

        string differences = Describe(there, wanted);
        bool canChange = wanted.Kind is not (DefinitionKind.Queue or DefinitionKind.Exchange);
        ImportOutcome outcome = differences.Length == 0 ? ImportOutcome.Equal : canChange ? ImportOutcome.Changed : ImportOutcome.Conflict;
        return new() { Definition = wanted, Outcome = outcome, Reason = differences };
    }

    private static IEnumerable<ImportItem> Judge(ImportPlan plan, IReadOnlyDictionary<DefinitionKey, string> refusals, DefinitionsDocument now)
    {
        Dictionary<DefinitionKey, DefinitionObject> before = DefinitionsComparison.Index(plan.Snapshot.Objects);
        Dictionary<DefinitionKey, DefinitionObject> after = DefinitionsComparison.Index(now.Objects);
        HashSet<DefinitionKey> asked = [];
        HashSet<string> created = [];
        foreach (ImportItem item in plan.Items)
        {
            asked.Add(item.Definition.Key);
            ImportItem judged = item.Outcome is ImportOutcome.Skipped ? item : Judge(item, refusals.GetValueOrDefault(item.Definition.Key), after.GetValueOrDefault(item.Definition.Key));
            if (judged is { Kind: DefinitionKind.VirtualHost, Outcome: ImportOutcome.Created })
            {
                created.Add(judged.Definition.Name);
            }

            yield return judged;
        }

        // A broker gives the user that creates a virtual host its permissions there.
        foreach (DefinitionObject extra in now.Permissions.Where(item => !asked.Contains(item.Key) && !before.ContainsKey(item.Key) && created.Contains(item.VirtualHost ?? "")))
        {
            yield return new() { Definition = extra, Outcome = ImportOutcome.Created, Reason = "the broker made it for the user that created the virtual host" };
        }
    }

    private static ImportItem Judge(ImportItem item, string? refusal, DefinitionObject? now)
    {
        if (now is null)
        {
            return item with { Outcome = ImportOutcome.Failed, Reason = refusal ?? "the broker did not create it and did not say why" };
        }

        string differences = Describe(now, item.Definition);
        return differences.Length == 0
            ? item with { Outcome = item.Outcome is ImportOutcome.Conflict ? ImportOutcome.Equal : item.Outcome }
            : item with { Outcome = refusal is null ? ImportOutcome.Conflict : ImportOutcome.Failed, Reason = refusal ?? differences };
    }

    /// <summary>Where what is there differs from what is wanted, for people.</summary>
    private static string Describe(DefinitionObject there, DefinitionObject wanted) => string.Join("; ", DefinitionsComparison.Compare(there, wanted)
        .Select(difference => $"{difference.Path} is {(difference.Before.Length == 0 ? "not set" : difference.Before)}, wanted {(difference.After.Length == 0 ? "not set" : difference.After)}"));
}
