using System.Security.Cryptography;
using System.Text;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// Tells other runs, on any machine, which queues are being restored into: by an exclusive queue for each, which is there for all at once, and gone with its connection, however the process ends. Where the user may
/// not declare it, a restore is seen by its connection only, which the management API lists some seconds late.
/// </summary>
/// <param name="broker">The cluster.</param>
/// <param name="log">Told of queues that could not be claimed.</param>
internal sealed class RestoreClaims(BrokerOptions broker, IEngineLog log) : IAsyncDisposable
{
    private const string Prefix = "rabbitmq-backup.restoring.";

    private readonly SemaphoreSlim _gate = new(1, 1);

    /// <summary>One for each virtual host; null where there is no use in trying again.</summary>
    private readonly Dictionary<string, BrokerConnection?> _connections = [];

    /// <summary>The claim's name: a queue's own may take all 255 bytes.</summary>
    internal static string NameFor(string queue) => Prefix + Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(queue)).AsSpan(0, 16));

    /// <summary>It is no queue of anybody's.</summary>
    internal static bool IsClaim(QueueInfo queue) => queue.Exclusive && queue.Name.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>Claims a queue until this is disposed.</summary>
    /// <returns>False where another restore has it.</returns>
    internal async Task<bool> TakeAsync(QueueName queue, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        BrokerConnection? connection = null;
        try
        {
            if (!_connections.TryGetValue(queue.VirtualHost, out connection))
            {
                connection = _connections[queue.VirtualHost] = await BrokerConnection.OpenAsync(broker, queue.VirtualHost, cancellationToken, recovers: true).ConfigureAwait(false);
            }

            return connection is null || await connection.TryClaimAsync(NameFor(queue.Name), cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception)
        {
            _connections[queue.VirtualHost] = null;
            log.RestoreNotClaimed(queue.ToString(), exception.Message);
            if (connection is not null)
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }

            return true;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (BrokerConnection connection in _connections.Values.OfType<BrokerConnection>())
        {
            await connection.DisposeAsync().ConfigureAwait(false);
        }

        _gate.Dispose();
    }
}
