using System.Runtime.CompilerServices;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Cmdlets.Completion;

/// <summary>Completes with something of the queues of the cluster that the command line names.</summary>
internal abstract class QueueCompleter(Func<QueueInfo, string> what) : BrokerCompleter
{
    /// <inheritdoc/>
    private protected override async IAsyncEnumerable<string> ListAsync(BrokerOptions broker, IReadOnlyList<string> virtualHosts, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (QueueInfo queue in QueueListing.ListAsync(broker, Selection(virtualHosts), _ => { }, cancellationToken).ConfigureAwait(false))
        {
            yield return what(queue);
        }
    }

    /// <summary>The queues to look at.</summary>
    private protected virtual QueueSelection Selection(IReadOnlyList<string> virtualHosts) => new() { VirtualHosts = virtualHosts };
}
