using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>What a restore has to know of its target beforehand. Looked at once.</summary>
internal sealed class TargetCluster
{
    private readonly ManagementClient _management;
    private readonly ILookup<string, ExchangeInfo> _exchanges;
    private readonly HashSet<string> _virtualHosts;
    private readonly HashSet<string> _deniedFeatures;

    private TargetCluster(ManagementClient management, ClusterOverview overview, ManagementUser user, IEnumerable<string> virtualHosts, IEnumerable<string> deniedFeatures, IEnumerable<ExchangeInfo> exchanges)
    {
        _management = management;
        Overview = overview;
        User = user;
        _virtualHosts = [.. virtualHosts];
        _deniedFeatures = [.. deniedFeatures];
        _exchanges = exchanges.ToLookup(exchange => exchange.VirtualHost);
    }

    /// <summary>Name and version.</summary>
    internal ClusterOverview Overview { get; }

    /// <summary>The user that restores.</summary>
    internal ManagementUser User { get; }

    /// <summary>Exchanges that can be published to, by virtual host; empty where they don't matter.</summary>
    internal IReadOnlyDictionary<string, IReadOnlySet<string>> PublishableExchanges =>
        _exchanges.ToDictionary(group => group.Key, group => (IReadOnlySet<string>)group.Where(exchange => !exchange.IsInternal).Select(exchange => exchange.Name).ToHashSet(StringComparer.Ordinal));

    internal static async Task<TargetCluster> LookAsync(RestoreOptions options, ManagementClient management, CancellationToken cancellationToken) => new(
        management,
        await management.GetOverviewAsync(cancellationToken).ConfigureAwait(false),
        await management.WhoAmIAsync(cancellationToken).ConfigureAwait(false),
        await management.ListVirtualHostsAsync(cancellationToken).ConfigureAwait(false),
        await management.ListDeniedFeaturesAsync(cancellationToken).ConfigureAwait(false),
        options.PublishMode == PublishMode.Exchange ? await management.ListExchangesAsync(cancellationToken).ConfigureAwait(false) : []);

    internal bool HasVirtualHost(string name) => _virtualHosts.Contains(name);

    /// <summary>The cluster does not permit a feature any more, by its name in <c>deprecated-features</c>.</summary>
    internal bool Denies(string feature) => _deniedFeatures.Contains(feature);

    /// <summary>An exchange, or null where there is none.</summary>
    internal ExchangeInfo? Exchange(string virtualHost, string name) => _exchanges[virtualHost].FirstOrDefault(exchange => exchange.Name == name);

    /// <summary>A queue, or null where there is none.</summary>
    internal Task<QueueInfo?> GetQueueAsync(string virtualHost, string name, CancellationToken cancellationToken) =>
        _management.GetQueueAsync(new QueueName(virtualHost, name), cancellationToken);
}
