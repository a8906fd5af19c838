using System.Collections;
using System.Management.Automation;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Cmdlets.Completion;

/// <summary>Base of the completers that ask the cluster that the command line names.</summary>
internal abstract class BrokerCompleter : TimedCompleter
{
    /// <summary>The names that the cluster has.</summary>
    private protected abstract IAsyncEnumerable<string> ListAsync(BrokerOptions broker, CancellationToken cancellationToken);

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
}
