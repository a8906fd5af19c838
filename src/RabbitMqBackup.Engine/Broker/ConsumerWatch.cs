namespace RabbitMqBackup.Engine.Broker;

/// <summary>Tells an application's consumers, which stay or come and go, from those of another reader that began at the same moment.</summary>
internal sealed class ConsumerWatch(BrokerOptions broker, TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    /// <summary>Time in which consumers are counted.</summary>
    private static readonly TimeSpan Counting = TimeSpan.FromSeconds(2);

    /// <summary>The management API learns of a connection within 5 s: a reader that was counted, and is there, is listed at the end of this.</summary>
    private static readonly TimeSpan Listed = TimeSpan.FromSeconds(6);

    /// <summary>So that two that gave way to each other don't meet again.</summary>
    private static readonly TimeSpan Spread = TimeSpan.FromSeconds(4);

    /// <summary>
    /// How many consumers may be there the next time without being another reader's: the fewest that were seen, since such a reader has seen this one as well, and goes. Where some came, they are an application's that
    /// come and go, or belong to a reader that is listed by now: then the most.
    /// </summary>
    /// <exception cref="RabbitBackupException">The queue can't be asked.</exception>
    internal async Task<long> CountAsync(QueueName queue, CancellationToken cancellationToken)
    {
        BrokerConnection connection = await BrokerConnection.OpenAsync(broker, queue.VirtualHost, cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            (long last, long fewest, long most) = (long.MaxValue, long.MaxValue, 0);
            for (long start = time.GetTimestamp(); time.GetElapsedTime(start) < Counting;)
            {
                long count = (await connection.GetDepthAsync(queue.Name, cancellationToken).ConfigureAwait(false)).Consumers;
                most = count > last || most > 0 ? Math.Max(most, count) : 0;
                (last, fewest) = (count, Math.Min(fewest, count));
                await Task.Delay(Interval, time, cancellationToken).ConfigureAwait(false);
            }

            await Task.Delay(Listed + (Spread * Random.Shared.NextDouble()), time, cancellationToken).ConfigureAwait(false);
            return Math.Max(fewest, most);
        }
    }
}
