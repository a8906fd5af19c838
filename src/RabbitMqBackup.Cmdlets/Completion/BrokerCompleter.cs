using System.Collections;
using System.Management.Automation;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Cmdlets.Completion;

/// <summary>Base of the completers that ask the cluster that the command line names.</summary>
internal abstract class BrokerCompleter : TimedCompleter
{
    /// <summary>The names that the cluster has.</summary>
    /// <param name="broker">The cluster.</param>
    /// <param name="virtualHosts">Those that the command line limits the command to; none for all.</param>
    /// <param name="cancellationToken">Ends the listing.</param>
    private protected abstract IAsyncEnumerable<string> ListAsync(BrokerOptions broker, IReadOnlyList<string> virtualHosts, CancellationToken cancellationToken);

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
        string[] virtualHosts = VirtualHosts(Unwrapped(parameters["VirtualHost"]), connection);
        return connection.LacksPassword ? null : ($"{connection} {connection.UserName} {string.Join(' ', virtualHosts)}", token => ListAsync(connection.Options, virtualHosts, token));
    }

    private static string[] VirtualHosts(object? given, RabbitConnection connection) => given switch
    {
        string one => [one],
        IEnumerable several => [.. several.Cast<object?>().Select(item => $"{item}")],
        _ => connection.VirtualHost is { } only ? [only] : [],
    };

    private static object? Unwrapped(object? value) => value is PSObject wrapped ? wrapped.BaseObject : value;
}
