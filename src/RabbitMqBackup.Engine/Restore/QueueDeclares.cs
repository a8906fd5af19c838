using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>
/// Declares the queues of a restore that are missing, all before the first message, and waits until the broker would know quorum queues again after a crash. RabbitMQ keeps where the log of a new quorum
/// queue lies in a table that it writes to the disk half a second after the last change; a node that is killed before that begins the queue anew and forgets even confirmed, persistent messages
/// (measured on 4.3.6: all lost up to a second after the declare, none later).
/// </summary>
internal sealed class QueueDeclares(BrokerOptions broker, TimeProvider time)
{
    /// <summary>Twice the time after which none was lost.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(2);

    private readonly HashSet<RestorePlanQueue> _made = [];
    private readonly Dictionary<RestorePlanQueue, RabbitBackupException> _refused = [];
    private long? _lastQuorum;

    /// <summary>True when the queue was created here.</summary>
    internal bool HasMade(RestorePlanQueue row) => _made.Contains(row);

    /// <summary>Why the queue could not be declared, or null.</summary>
    internal RabbitBackupException? RefusalOf(RestorePlanQueue row) => _refused.GetValueOrDefault(row);

    /// <summary>Declares them, over one connection per virtual host. What is refused is kept for the queue's result.</summary>
    internal async Task RunAsync(IEnumerable<RestorePlanQueue> rows, CancellationToken cancellationToken)
    {
        foreach (IGrouping<string, RestorePlanQueue> host in rows.Where(row => row.Declares && row.Conflicts.Count == 0 && !row.IsSkipped).GroupBy(row => row.TargetVirtualHost))
        {
            BrokerConnection? connection = null;
            try
            {
                foreach (RestorePlanQueue row in host)
                {
                    try
                    {
                        connection ??= await BrokerConnection.OpenAsync(broker, host.Key, cancellationToken).ConfigureAwait(false);
                        await DeclareAsync(connection, row, cancellationToken).ConfigureAwait(false);
                    }
                    catch (RabbitBackupException exception)
                    {
                        _refused[row] = exception;
                        // What broke the connection (541 for a name that is too long) must not fail the queues behind it.
                        await CloseAsync(connection).ConfigureAwait(false);
                        connection = null;
                    }
                }
            }
            finally
            {
                await CloseAsync(connection).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Waits as long as new quorum queues need.</summary>
    internal Task SettleAsync(CancellationToken cancellationToken)
    {
        TimeSpan wait = _lastQuorum is { } last ? Settling - time.GetElapsedTime(last) : TimeSpan.Zero;
        return wait > TimeSpan.Zero ? Task.Delay(wait, time, cancellationToken) : Task.CompletedTask;
    }

    private async Task DeclareAsync(BrokerConnection connection, RestorePlanQueue row, CancellationToken cancellationToken)
    {
        QueueDeclaration declaration = new()
        {
            Queue = new QueueName(row.TargetVirtualHost, row.TargetQueue),
            Type = row.Shape.Type,
            Durable = row.Shape.Durable,
            AutoDelete = row.Shape.AutoDelete,
            Arguments = row.Shape.Arguments,
        };
        if (await connection.DeclareAsync(declaration, cancellationToken).ConfigureAwait(false))
        {
            _made.Add(row);
            _lastQuorum = row.Shape.Type == QueueTypes.Quorum && row.Messages > 0 ? time.GetTimestamp() : _lastQuorum;
        }
    }

    private static ValueTask CloseAsync(BrokerConnection? connection) => connection?.DisposeAsync() ?? ValueTask.CompletedTask;
}
