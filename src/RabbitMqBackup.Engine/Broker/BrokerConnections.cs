namespace RabbitMqBackup.Engine.Broker;

/// <summary>Connections to one cluster, one for each virtual host that is asked about. For one caller at a time.</summary>
/// <param name="options">The cluster.</param>
internal sealed class BrokerConnections(BrokerOptions options) : IAsyncDisposable
{
    private readonly Dictionary<string, BrokerConnection> _open = [];

    /// <summary>
    /// A queue's depth, by passive declare. Of a quorum queue that calls itself empty the leader is asked for a message: who deletes a queue must not take a leader's silence for emptiness. Where single active
    /// consumers are wanted the broker knows no such question, and the declare has to do.
    /// </summary>
    /// <exception cref="RabbitBackupException">As <see cref="BrokerConnection.GetDepthAsync"/>; where it is transient, the next call connects anew.</exception>
    internal async Task<QueueDepth> GetDepthAsync(QueueInfo queue, CancellationToken cancellationToken)
    {
        if (!_open.TryGetValue(queue.VirtualHost, out BrokerConnection? connection))
        {
            _open[queue.VirtualHost] = connection = await BrokerConnection.OpenAsync(options, queue.VirtualHost, cancellationToken).ConfigureAwait(false);
        }

        try
        {
            QueueDepth depth = await connection.GetDepthAsync(queue.Name, cancellationToken).ConfigureAwait(false);
            bool doubtful = queue.Type == QueueTypes.Quorum && depth == default && queue.Arguments.GetValueOrDefault("x-single-active-consumer") is not true;
            if (!doubtful || !await connection.HasMessageAsync(queue.Name, cancellationToken).ConfigureAwait(false))
            {
                return depth;
            }

            depth = await connection.GetDepthAsync(queue.Name, cancellationToken).ConfigureAwait(false);
            return depth with { Messages = Math.Max(1, depth.Messages) };
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
