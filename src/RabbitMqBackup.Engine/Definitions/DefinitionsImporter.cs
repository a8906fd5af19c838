using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>
/// Puts definitions into a running cluster and sees what became of them. A broker answers an import with "done" and skips, without a word, a queue or exchange that exists with other properties
/// and (3.x) a binding to something that is not there; so the target is exported before and after, and every object compared.
/// </summary>
public sealed class DefinitionsImporter(IEngineLog log)
{
    internal const string Activity = "Importing definitions";
    internal const string Unit = "objects";

    /// <summary>Looks at the target and compares. Changes nothing.</summary>
    /// <exception cref="ArgumentException">A file of one virtual host does not tell which, and neither do the options; or there is no transformation of a name.</exception>
    /// <exception cref="RabbitBackupException">The management API can't be used, or the selection or the new names do not fit the definitions.</exception>
    public Task<ImportPlan> PlanAsync(ImportOptions options, CancellationToken cancellationToken = default) => PlanAsync(options, null, cancellationToken);

    /// <inheritdoc cref="PlanAsync(ImportOptions, CancellationToken)"/>
    public async Task<ImportPlan> PlanAsync(ImportOptions options, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        (DefinitionsDocument document, IReadOnlyList<TransformationChange> changes) = options.Edit.Apply(options.Document);
        progress?.Report(new() { Activity = Activity, Current = "reading the target", Unit = Unit, TotalMessages = document.Objects.Count });
        using ManagementClient management = new(options.Broker);
        DefinitionsDocument snapshot = await DefinitionsExporter.ExportAsync(management, cancellationToken).ConfigureAwait(false);
        ILookup<DefinitionKey, string> texts = changes.Where(change => !change.IsRemoval)
            .ToLookup(change => options.Edit.Remapping.Apply(change.Definition).Key, change => $"{change.Transformation}: {change.Change}");
        List<ImportItem> items =
        [
            .. new ImportForecast(document, snapshot).Items(texts),
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
        ImportBatches batches = new(management, log, progress, plan.Snapshot.RabbitMqVersion);
        IReadOnlyDictionary<DefinitionKey, string> refusals = await batches.SendAsync(
            [.. plan.Items.Where(item => item.Outcome is ImportOutcome.Created or ImportOutcome.Changed).Select(item => item.Definition)], cancellationToken).ConfigureAwait(false);
        progress?.Report(new() { Activity = Activity, Current = "reading back", Unit = Unit, Messages = plan.Items.Count, TotalMessages = plan.Items.Count });
        DefinitionsDocument now = await DefinitionsExporter.ExportAsync(management, cancellationToken, waits: true).ConfigureAwait(false);
        return plan.ToReport() with { Items = [.. Judge(plan, refusals, now)] };
    }

    /// <summary>Looks at what taking an import back would do: what it created is removed, what it changed becomes as it was. Changes nothing.</summary>
    /// <param name="broker">The cluster that it was made on.</param>
    /// <param name="report">The import; of one that did not come to its end, the report of its plan.</param>
    /// <param name="force">Also what somebody changed since. What holds messages, consumers or objects of others stays all the same.</param>
    /// <param name="progress">Gets how far it is.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="RabbitBackupException">The management API can't be used.</exception>
    public async Task<UndoPlan> PlanUndoAsync(BrokerOptions broker, ImportReport report, bool force = false, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using ManagementClient management = new(broker);
        progress?.Report(new() { Activity = ImportUndo.Activity, Current = "reading the target", Unit = Unit });
        return await UndoForecast.MakeAsync(broker, management, report, force, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Takes an import back as planned. What got messages, consumers or objects of others since the plan stays. Reads back and tells for each object what became of it.
    /// </summary>
    /// <exception cref="RabbitBackupException">The management API failed for good.</exception>
    public async Task<ImportReport> UndoAsync(UndoPlan plan, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using ManagementClient management = new(plan.Broker);
        await using ImportUndo undo = new(plan, management, log, progress);
        return await undo.RunAsync(cancellationToken).ConfigureAwait(false);
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
            return item with { Outcome = ImportOutcome.Failed, Reason = refusal ?? (item.Reason.Length > 0 ? item.Reason : "the broker did not create it and did not say why") };
        }

        string differences = ImportForecast.Describe(now, item.Definition);
        return differences.Length == 0
            ? item with { Outcome = item.Outcome is ImportOutcome.Conflict ? ImportOutcome.Equal : item.Outcome }
            : item with { Outcome = refusal is null ? ImportOutcome.Conflict : ImportOutcome.Failed, Reason = refusal ?? differences };
    }
}
