namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// Looks after the broker's health while it is read: when a node's memory or disk alarm goes on, or its memory comes near the mark, all reads of the run are asked to end. The connections
/// that read are not told by the broker: it blocks, and tells, those that publish.
/// </summary>
internal sealed class NodeWatch : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _end = new();
    private readonly ManagementClient _management;
    private readonly ReadStopSignal _signal;
    private readonly IEngineLog _log;
    private readonly TimeProvider _time;
    private Task _watching = Task.CompletedTask;

    private NodeWatch(BrokerOptions broker, ReadStopSignal signal, IEngineLog log, TimeProvider time) =>
        (_management, _signal, _log, _time) = (new ManagementClient(broker), signal, log, time);

    /// <summary>Looks once, then goes on until it is disposed or the signal is raised.</summary>
    internal static async Task<NodeWatch> StartAsync(BrokerOptions broker, ReadStopSignal signal, IEngineLog log, TimeProvider time, CancellationToken cancellationToken)
    {
        NodeWatch watch = new(broker, signal, log, time);
        if (await watch.LookAsync(cancellationToken).ConfigureAwait(false))
        {
            watch._watching = Task.Run(watch.WatchAsync, CancellationToken.None);
        }

        return watch;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync().ConfigureAwait(false);
        await _watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _management.Dispose();
        _end.Dispose();
    }

    private async Task WatchAsync()
    {
        do
        {
            await Task.Delay(Interval, _time, _end.Token).ConfigureAwait(false);
        }
        while (await LookAsync(_end.Token).ConfigureAwait(false));
    }

    /// <summary>False when there is no use in looking again.</summary>
    private async Task<bool> LookAsync(CancellationToken cancellationToken)
    {
        try
        {
            foreach (NodeHealth node in await _management.ListNodesAsync(cancellationToken).ConfigureAwait(false))
            {
                if (node.Trouble is { } trouble)
                {
                    _signal.Raise($"Node {node.Name} {trouble}.");
                    return false;
                }
            }
        }
        catch (RabbitBackupException exception) when (exception.IsTransient)
        {
            // A broker that is slow to answer over HTTP can be well otherwise.
        }
        catch (RabbitBackupException exception)
        {
            _log.NodesNotWatched(exception.Message);
            return false;
        }

        return true;
    }
}
