namespace RabbitMqBackup.Engine.Broker;

/// <summary>Connections to one cluster, one for each virtual host that is asked about. For one caller at a time.</summary>
/// <param name="options">The cluster.</param>
internal sealed class BrokerConnections(BrokerOptions options) : IAsyncDisposable
{
    private readonly Dictionary<string, BrokerConnection> _open = [];

    /// <summary>A queue's depth, by passive declare.</summary>
    /// <exception cref="RabbitBackupException">As <see cref="BrokerConnection.GetDepthAsync"/>; where it is transient, the next call connects anew.</exception>
    internal async Task<QueueDepth> GetDepthAsync(QueueName queue, CancellationToken cancellationToken)
    {
        if (!_open.TryGetValue(queue.VirtualHost, out BrokerConnection? connection))
        {
            _open[queue.VirtualHost] = connection = await BrokerConnection.OpenAsync(options, queue.VirtualHost, cancellationToken).ConfigureAwait(false);
        }

        try
        {
            return await connection.GetDepthAsync(queue.Name, cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (exception.IsTransient)
        {
            _open.Remove(queue.VirtualHost);
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (BrokerConnection connection in _open.Values)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
        }
    }
}
