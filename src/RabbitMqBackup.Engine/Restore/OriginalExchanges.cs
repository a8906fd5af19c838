using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>
/// For a restore through the original exchanges: which of them lead to each queue, by the definitions in the backup, so that a missing one is told before anything is published. A message names its
/// exchange itself; without definitions a missing one shows only when it is read.
/// </summary>
internal sealed class OriginalExchanges
{
    private readonly RestoreOptions _options;
    private readonly DefinitionsDocument? _definitions;

    private OriginalExchanges(RestoreOptions options, DefinitionsDocument? definitions) => (_options, _definitions) = (options, definitions);

    /// <exception cref="RabbitBackupException">The backup's definitions are damaged.</exception>
    internal static async Task<OriginalExchanges> ReadAsync(RestoreOptions options, CancellationToken cancellationToken)
    {
        if (options.Manifest is not { Definitions: not null, Store: { } store } manifest)
        {
            return new OriginalExchanges(options, null);
        }

        BackupCatalog catalog = new(store);
        await using (catalog.ConfigureAwait(false))
        {
            byte[]? json = await catalog.GetDefinitionsAsync(manifest, cancellationToken).ConfigureAwait(false);
            return new OriginalExchanges(options, json is null ? null : DefinitionsDocument.Parse(json, $"definitions of {manifest.BackupId}"));
        }
    }

    /// <summary>The row with what stands in the way of publishing to exchanges, and with what a person should know of them.</summary>
    internal RestorePlanQueue Judge(RestorePlanQueue row, TargetCluster target)
    {
        List<string> notes = ["Messages go to their exchanges: every queue that is bound there gets them, and the target's bindings decide whether this one does."];
        List<string> conflicts = [];
        IEnumerable<string> names = _options.ExchangeMap.NewNames;
        if (_definitions is null)
        {
            notes.Add("The backup has no definitions at hand: an exchange that is missing shows only when its messages are read.");
        }
        else
        {
            names = names.Concat(_definitions.Bindings
                .Where(binding => binding.VirtualHost == row.VirtualHost && binding.DestinationType == "queue" && binding.Destination == row.Queue)
                .Select(binding => _options.ExchangeMap.Map(binding.Source)));
        }

        foreach (string name in names.Where(name => name.Length > 0).Distinct(StringComparer.Ordinal))
        {
            switch (target.Exchange(row.TargetVirtualHost, name))
            {
                case null:
                    conflicts.Add($"Exchange '{name}' is missing in '{row.TargetVirtualHost}'.");
                    break;
                case { IsInternal: true }:
                    conflicts.Add($"Exchange '{name}' in '{row.TargetVirtualHost}' is internal: clients can't publish to it.");
                    break;
                case { AlternateExchange: { } alternate }:
                    notes.Add($"Exchange '{name}' has the alternate exchange '{alternate}': what no binding fits goes there, and does not come back as returned.");
                    break;
                case { Type: "x-delayed-message" }:
                    notes.Add($"Exchange '{name}' delays messages: those that were delayed once carry a negative x-delay and are not delayed again.");
                    break;
            }
        }

        return row with
        {
            Notes = [.. row.Notes, .. notes],
            Conflicts = conflicts.Count == 0 ? row.Conflicts : [.. row.Conflicts, .. conflicts, "Bring the exchanges back with Import-RabbitDefinitions, give others with -ExchangeMap, or use -PublishMode Queue."],
        };
    }
}
