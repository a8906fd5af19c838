namespace RabbitMqBackup.Engine.Broker;

/// <summary>Tells consumers that stay at a queue from those of another reader that began at the same moment.</summary>
internal sealed class ConsumerWatch(BrokerOptions broker, TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>The management API learns of a connection within 5 s: a reader that was there all this time is listed at its end.</summary>
    private static readonly TimeSpan Listed = TimeSpan.FromSeconds(7);

    /// <summary>So that two that gave way to each other don't meet again.</summary>
    private static readonly TimeSpan Spread = TimeSpan.FromSeconds(4);

    /// <summary>How many consumers were there the whole time.</summary>
    /// <exception cref="RabbitBackupException">The queue can't be asked.</exception>
    internal async Task<long> CountStayingAsync(QueueName queue, CancellationToken cancellationToken)
    {
        BrokerConnection connection = await BrokerConnection.OpenAsync(broker, queue.VirtualHost, cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            TimeSpan wait = Listed + (Spread * Random.Shared.NextDouble());
            long fewest = long.MaxValue;
            for (long start = time.GetTimestamp(); time.GetElapsedTime(start) < wait;)
            {
                fewest = Math.Min(fewest, (await connection.GetDepthAsync(queue.Name, cancellationToken).ConfigureAwait(false)).Consumers);
                await Task.Delay(Interval, time, cancellationToken).ConfigureAwait(false);
            }

            return fewest;
        }
    }
}
