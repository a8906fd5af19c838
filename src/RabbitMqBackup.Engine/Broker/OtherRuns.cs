namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// Whether another run of this module reads a queue, or restores into its virtual host: two readers of one queue would each get a part of it, and a backup in the middle of a restore would hold half of it. Seen
/// by the names of the broker's connections, which tell it of runs on any machine some seconds late, and by what restores claim, at once.
/// </summary>
internal sealed class OtherRuns(ManagementClient management, TimeProvider time) : IDisposable
{
    /// <summary>One listing serves all queues that are begun in this time.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(2);

    /// <summary>A connection that was just closed can be listed for a while.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim _gate = new(1, 1);
    private IReadOnlyCollection<string>? _names;
    private long _listedAt;

    /// <summary>The name of the connection that a reader of this queue has.</summary>
    internal static string ReaderOf(QueueName queue) => $"RabbitMqBackup reads {queue}";

    /// <summary>The name of the connections that a restore into this virtual host has.</summary>
    internal static string PublisherTo(string virtualHost) => $"RabbitMqBackup publishes to {virtualHost}";

    /// <summary>The name of the connection of another run, or null.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="patience">How long such a connection may take to go.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal async Task<string?> FindAsync(QueueName queue, TimeSpan patience, CancellationToken cancellationToken)
    {
        long start = time.GetTimestamp();
        while (true)
        {
            IReadOnlyCollection<string> names = await ListAsync(cancellationToken).ConfigureAwait(false);
            string? other = names.FirstOrDefault(name => name == ReaderOf(queue) || name == PublisherTo(queue.VirtualHost))
                ?? (await IsClaimedAsync(queue, cancellationToken).ConfigureAwait(false) ? PublisherTo(queue.VirtualHost) : null);
            if (other is null || time.GetElapsedTime(start) > patience)
            {
                return other;
            }

            await Task.Delay(Fresh, time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>True where a restore fills this queue at this moment.</summary>
    internal async Task<bool> IsClaimedAsync(QueueName queue, CancellationToken cancellationToken) =>
        await RestoreClaims.IsClaimedAsync(management, queue, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public void Dispose() => _gate.Dispose();

    private async Task<IReadOnlyCollection<string>> ListAsync(CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_names is null || time.GetElapsedTime(_listedAt) >= Fresh)
            {
                _names = await management.ListConnectionNamesAsync("RabbitMqBackup ", cancellationToken).ConfigureAwait(false);
                _listedAt = time.GetTimestamp();
            }

            return _names;
        }
        finally
        {
            _gate.Release();
        }
    }
}
