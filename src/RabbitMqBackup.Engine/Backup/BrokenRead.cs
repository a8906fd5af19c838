using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>What becomes of the messages that a read held when its connection broke.</summary>
internal sealed class BrokenRead(CaptureContext context, QueueInfo queue)
{
    /// <summary>The management API counts a quorum queue's messages up to 10 s late.</summary>
    private static readonly TimeSpan StatisticsAge = TimeSpan.FromSeconds(12);

    /// <summary>The broker's 60 s, the age of its statistics, and a reserve.</summary>
    private static readonly TimeSpan DisconnectedPatience = TimeSpan.FromSeconds(90);

    /// <summary>The management API learns of a connection within 5 s: one that broke before that is not listed, though the broker may hold messages for it.</summary>
    private static readonly TimeSpan Listed = TimeSpan.FromSeconds(6);

    private readonly QueueName _name = new(queue.VirtualHost, queue.Name);
    private long? _begun;

    /// <summary>A connection reads.</summary>
    internal void Begin() => _begun = context.Time.GetTimestamp();

    /// <summary>It has given everything back.</summary>
    internal void End() => _begun = null;

    /// <summary>As long as the broker has not noticed that the last connection is gone, it keeps for it what it had sent: a read would find the queue empty, or its middle.</summary>
    internal async Task AwaitGoneAsync(CancellationToken cancellationToken)
    {
        // Two missed heartbeats are noticed, at the latest in the middle of the third.
        TimeSpan patience = (context.Broker.Heartbeat * 3) + OtherRuns.Patience;
        if (_begun is { } begun && Listed - context.Time.GetElapsedTime(begun) is var early && early > TimeSpan.Zero)
        {
            await Task.Delay(early, context.Time, cancellationToken).ConfigureAwait(false);
        }

        if (await context.Others.FindAsync(_name, patience, cancellationToken).ConfigureAwait(false) is { } old)
        {
            throw new RabbitBackupException(ErrorCode.QueueInUse, $"The broker still holds messages of '{_name}' for the connection '{old}', which broke.") { Target = _name.ToString() };
        }
    }

    /// <summary>
    /// What a consumer on a node that died held, a quorum queue from 4.3 on gives to nobody for a minute by default (consumer_disconnected_timeout), or until the node is back. Its messages count as unacknowledged meanwhile.
    /// </summary>
    internal async Task<bool> IsHeldAsync(TimeSpan elapsed, CancellationToken cancellationToken)
    {
        if (elapsed < StatisticsAge)
        {
            return true;
        }

        await Task.Delay(TimeSpan.FromSeconds(1), context.Time, cancellationToken).ConfigureAwait(false);
        QueueInfo? listed = await context.Management.GetQueueAsync(_name, cancellationToken).ConfigureAwait(false);
        return listed?.Unacknowledged > queue.Unacknowledged && elapsed < DisconnectedPatience;
    }
}
