using System.Text.Json;
using System.Text.Json.Nodes;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>Gets the definitions of a running cluster.</summary>
public static class DefinitionsExporter
{
    // Reading again changes nothing. At first, what does not answer at all is told soon; in the middle of work a broker that is restarted is waited for.
    private static readonly RetryOptions Soon = new() { MaxAttempts = 3, FirstDelay = TimeSpan.FromMilliseconds(300) };
    private static readonly RetryOptions Patient = new() { MaxAttempts = 8, FirstDelay = TimeSpan.FromSeconds(1) };

    /// <summary>Exports. Needs the user tag <c>administrator</c>. Exclusive queues are not part of definitions.</summary>
    /// <exception cref="RabbitBackupException">The management API can't be used, the tag is missing, or a virtual host that was named is not there.</exception>
    public static async Task<DefinitionsDocument> ExportAsync(BrokerOptions broker, DefinitionsSelection selection, CancellationToken cancellationToken = default)
    {
        using ManagementClient management = new(broker);
        DefinitionsDocument whole = await ExportAsync(management, cancellationToken).ConfigureAwait(false);
        return selection.Apply(whole);
    }

    /// <summary>
    /// Everything. What a broker leaves out of its own export is added: 4.3 leaves out internal exchanges (measured on 4.3.6; their bindings are there), 3.10 the description, tags and default queue
    /// type of virtual hosts, and the cluster's name.
    /// </summary>
    /// <param name="management">The cluster.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <param name="waits">In the middle of work: a broker that does not answer is waited for.</param>
    internal static async Task<DefinitionsDocument> ExportAsync(ManagementClient management, CancellationToken cancellationToken, bool waits = false)
    {
        RetryPolicy retry = new(waits ? Patient : Soon, new CircuitBreaker(ErrorCode.ManagementApiUnavailable, management.DisplayUri, TimeProvider.System), TimeProvider.System);
        byte[] json = await retry.RunAsync(_ => management.GetDefinitionsAsync(null, cancellationToken), cancellationToken).ConfigureAwait(false) ?? throw management.NotTheApi();
        DefinitionsDocument document = DefinitionsReader.Read(json, management.DisplayUri);
        HashSet<DefinitionKey> exchanges = [.. document.Exchanges.Select(exchange => exchange.Key)];
        IReadOnlyList<DefinitionObject> missing =
        [
            .. (await management.ListInternalExchangesAsync(cancellationToken).ConfigureAwait(false)).Select(exchange => new ExchangeDefinition(exchange)).Where(exchange => !exchanges.Contains(exchange.Key)),
        ];
        Dictionary<string, JsonElement> hosts = document.VirtualHosts.All(host => host.Json.TryGetProperty("metadata", out _))
            ? []
            : (await management.ListVirtualHostPropertiesAsync(cancellationToken).ConfigureAwait(false)).ToDictionary(host => host.Text("name") ?? "");
        if (document.ClusterName.Length == 0)
        {
            document = document.WithClusterName((await management.GetOverviewAsync(cancellationToken).ConfigureAwait(false)).ClusterName);
        }

        return missing.Count == 0 && hosts.Count == 0
            ? document
            : document.WithObjects(document.Objects.Concat(missing).Select(item => item is VirtualHostDefinition host && hosts.TryGetValue(host.Name, out JsonElement facts) ? Complete(host, facts) : item));
    }

    private static DefinitionObject Complete(VirtualHostDefinition host, JsonElement facts) => host.With(json =>
    {
        VirtualHostDefinition told = new(facts);
        json["description"] = told.Description;
        json["tags"] = new JsonArray([.. told.Tags.Select(tag => JsonValue.Create(tag))]);
        if (told.DefaultQueueType is { } type)
        {
            json["default_queue_type"] = type;
        }
    });
}
