using System.Runtime.CompilerServices;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Cmdlets.Completion;

/// <summary>Completes with something of the definitions of the cluster that the command line names. Where they come from elsewhere, such as a file, these are the best guess there is.</summary>
internal abstract class DefinitionCompleter(Func<DefinitionsDocument, IEnumerable<DefinitionObject>> what) : BrokerCompleter
{
    /// <inheritdoc/>
    private protected override async IAsyncEnumerable<string> ListAsync(BrokerOptions broker, IReadOnlyList<string> virtualHosts, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (DefinitionObject item in what(await DefinitionsExporter.ExportAsync(broker, new(), cancellationToken).ConfigureAwait(false)))
        {
            yield return item.Name;
        }
    }
}
