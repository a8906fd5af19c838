using System.Security.Cryptography;
using System.Text;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// Tells other runs, on any machine, which queues are being restored into: by an exclusive queue for each, which is there for all at once, and gone with its connection, however the process ends. Where the user may
/// not declare it, a restore is seen by its connection only, which the management API lists some seconds late.
/// </summary>
/// <param name="broker">The cluster.</param>
/// <param name="log">Told of queues that could not be claimed.</param>
/// <param name="time">The clock.</param>
internal sealed class RestoreClaims(BrokerOptions broker, IEngineLog log, TimeProvider time) : IAsyncDisposable
{
    private const string Prefix = "rabbitmq-backup.restoring.";

    /// <summary>For a connection that comes back, or a broker that does; a restore over a connection that stays away fails by itself.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    private readonly SemaphoreSlim _gate = new(1, 1);

    /// <summary>One for each virtual host.</summary>
    private readonly Dictionary<string, BrokerConnection> _connections = [];

    /// <summary>Virtual hosts in which there is no use in trying again. What was claimed in them stays so.</summary>
    private readonly HashSet<string> _refused = [];

    /// <summary>When the first queue was met that another restore has; 0 before. All queues of a run wait for such restores once, together: of one that has just ended the broker may be busy for seconds with thousands of claims.</summary>
    private long _waitingSince;

    /// <summary>The claim's name: a queue's own may take all 255 bytes.</summary>
    internal static string NameFor(string queue) => Prefix + Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(queue)).AsSpan(0, 16));

    /// <summary>It is no queue of anybody's.</summary>
    internal static bool IsClaim(QueueInfo queue) => queue.Exclusive && queue.Name.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>True where a restore fills this queue at this moment.</summary>
    internal static async Task<bool> IsClaimedAsync(ManagementClient management, QueueName queue, CancellationToken cancellationToken) =>
        await management.GetQueueAsync(queue with { Name = NameFor(queue.Name) }, cancellationToken).ConfigureAwait(false) is { } found && IsClaim(found);

    /// <summary>Claims a queue until this is disposed.</summary>
    /// <returns>False where another restore has it, and keeps it for longer than one that has just ended.</returns>
    internal async Task<bool> TakeAsync(QueueName queue, CancellationToken cancellationToken)
    {
        while (!await TryAsync(queue, cancellationToken).ConfigureAwait(false))
        {
            Interlocked.CompareExchange(ref _waitingSince, time.GetTimestamp(), 0);
            if (time.GetElapsedTime(_waitingSince) > OtherRuns.Patience)
            {
                return false;
            }

            await Task.Delay(Pause, time, cancellationToken).ConfigureAwait(false);
        }

        return true;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (BrokerConnection connection in _connections.Values)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
        }

        _gate.Dispose();
    }

    private async Task<bool> TryAsync(QueueName queue, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        long start = time.GetTimestamp();
        try
        {
            while (!_refused.Contains(queue.VirtualHost))
            {
                try
                {
                    if (!_connections.TryGetValue(queue.VirtualHost, out BrokerConnection? connection))
                    {
                        connection = _connections[queue.VirtualHost] = await BrokerConnection.OpenAsync(broker, queue.VirtualHost, cancellationToken, recovers: true).ConfigureAwait(false);
                    }

                    return await connection.TryClaimAsync(NameFor(queue.Name), cancellationToken).ConfigureAwait(false);
                }
                catch (RabbitBackupException exception) when (exception.IsTransient && time.GetElapsedTime(start) < Patience)
                {
                    // The connection comes back by itself, with what was claimed over it.
                    await Task.Delay(Pause, time, cancellationToken).ConfigureAwait(false);
                }
                catch (RabbitBackupException exception)
                {
                    _refused.Add(queue.VirtualHost);
                    log.RestoreNotClaimed(queue.ToString(), exception.Message);
                }
            }

            return true;
        }
        finally
        {
            _gate.Release();
        }
    }
}
