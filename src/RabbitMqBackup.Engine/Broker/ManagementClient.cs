namespace RabbitMqBackup.Engine.Broker;

/// <summary>The management API.</summary>
internal sealed class ManagementClient(BrokerOptions options) : IDisposable
{
    internal Task<ClusterOverview> GetOverviewAsync(CancellationToken cancellationToken) => throw new NotSupportedException($"{options} {cancellationToken}");

    internal IAsyncEnumerable<QueueInfo> ListQueuesAsync(string? virtualHost, CancellationToken cancellationToken) => throw new NotSupportedException($"{virtualHost} {cancellationToken}");

    /// <summary>Null where there is none.</summary>
    internal Task<QueueInfo?> GetQueueAsync(QueueName queue, CancellationToken cancellationToken) => throw new NotSupportedException($"{queue} {cancellationToken}");

    internal Task<IReadOnlyList<string>> ListVirtualHostsAsync(CancellationToken cancellationToken) => throw new NotSupportedException($"{cancellationToken}");

    internal Task CreateVirtualHostAsync(string name, CancellationToken cancellationToken) => throw new NotSupportedException($"{name} {cancellationToken}");

    internal Task GrantAsync(string virtualHost, string user, CancellationToken cancellationToken) => throw new NotSupportedException($"{virtualHost} {user} {cancellationToken}");

    internal Task<IReadOnlyList<NodeHealth>> ListNodesAsync(CancellationToken cancellationToken) => throw new NotSupportedException($"{cancellationToken}");

    internal Task<byte[]> GetDefinitionsAsync(string? virtualHost, CancellationToken cancellationToken) => throw new NotSupportedException($"{virtualHost} {cancellationToken}");

    public void Dispose()
    {
    }
}
