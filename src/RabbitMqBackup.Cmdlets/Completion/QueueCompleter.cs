using System.Collections;
using System.Management.Automation;
using System.Runtime.CompilerServices;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Cmdlets.Completion;

/// <summary>Completes with something of the queues of the cluster that the command line names.</summary>
internal abstract class QueueCompleter(Func<QueueInfo, string> what) : TimedCompleter
{
    /// <inheritdoc/>
    private protected override (string Source, Func<CancellationToken, IAsyncEnumerable<string>> List)? Find(IDictionary parameters)
    {
        RabbitConnection? given = Unwrapped(parameters["Connection"]) switch
        {
            RabbitConnection known => known,
            string uri => RabbitConnection.Parse(uri),
            null => null,
            _ => throw new ArgumentException("Not a connection."),
        };
        RabbitConnection connection = BrokerCmdlet.InForce(given, Unwrapped(parameters["Credential"]) as PSCredential);
        return connection.LacksPassword ? null : ($"{connection} {connection.UserName}", token => ListAsync(connection.Options, token));
    }

    private static object? Unwrapped(object? value) => value is PSObject wrapped ? wrapped.BaseObject : value;

    private async IAsyncEnumerable<string> ListAsync(BrokerOptions broker, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (QueueInfo queue in QueueListing.ListAsync(broker, new QueueSelection(), _ => { }, cancellationToken).ConfigureAwait(false))
        {
            yield return what(queue);
        }
    }
}
