using RabbitMqBackup.Engine.Broker.Amqp;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>Gives back what a read holds, so that it lies in the queue as it lay, and sees that it does.</summary>
internal sealed class QueueRelease(ReadChannels channels, DataChannel control, QueueReadRequest request, ReadSession session, DeliveryLimitGuard guard, TimeProvider time)
{
    // Instead of an answer that takes longer than 250 ms the broker says that a quorum queue is empty, see DepthQuestion; an empty one's own answer takes a millisecond.
    private static readonly TimeSpan Silence = TimeSpan.FromMilliseconds(200);

    private static readonly TimeSpan ReturnPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan ReturnTime = TimeSpan.FromSeconds(1);

    /// <summary>See <see cref="QueueReadResult.Missing"/>.</summary>
    internal long Missing { get; private set; }

    /// <summary>Cancel first: what is given back while a consumer is there would be delivered to it again.</summary>
    internal async Task<QueueReleaseMethod> RunAsync(CancellationToken cancellationToken)
    {
        session.EndPauses();
        await channels.CancelAllAsync(cancellationToken).ConfigureAwait(false);
        await guard.SettleAsync(channels.All).ConfigureAwait(false);

        // Many messages that were fetched singly and are nacked together take a classic queue quadratic time.
        bool nack = request.Release == QueueReleaseMethod.Nack && request.Method == QueueReadMethod.Consume && session.Held > 0;
        bool fetched = request.Method == QueueReadMethod.Get;
        long ready = channels.All.Count == 1 && !fetched ? 0 : (await control.DeclarePassiveAsync(request.Queue.Name, cancellationToken).ConfigureAwait(false)).Ready;
        foreach (ReadChannel channel in channels.All)
        {
            if (!nack)
            {
                await channel.Channel.CloseAsync(cancellationToken).ConfigureAwait(false);
            }
            else if (channel.Held > 0)
            {
                channel.Channel.RequeueUpTo(channel.LastDeliveryTag);
            }

            if (channel != channels.All[^1])
            {
                // A quorum queue puts what comes back behind what came back before: so the next channel only when this one's messages are there.
                ready += channel.Held - channel.Acknowledged;
                await SeeReturnedAsync(ready, cancellationToken).ConfigureAwait(false);
            }
        }

        if (fetched)
        {
            // Mostly a classic queue has taken everything back before the channel's close is answered; on a busy broker a moment later (seen on 4.0 and 4.3). Not longer, or publishers fill what is missing.
            for (long closed = time.GetTimestamp(); ; await Task.Delay(ReturnPause, time, cancellationToken).ConfigureAwait(false))
            {
                uint after = (await control.DeclarePassiveAsync(request.Queue.Name, cancellationToken).ConfigureAwait(false)).Ready;
                Missing = Math.Max(0, ready + session.Held - after);
                if (Missing == 0 || time.GetElapsedTime(closed) > ReturnTime)
                {
                    break;
                }
            }
        }

        return nack ? QueueReleaseMethod.Nack : QueueReleaseMethod.ChannelClose;
    }

    /// <summary>Closes what is still open.</summary>
    internal async Task CloseAsync(CancellationToken cancellationToken)
    {
        foreach (ReadChannel channel in channels.All)
        {
            await channel.Channel.CloseAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Waits until as many are ready, or nothing changes any more.</summary>
    internal async Task<(DeclareOk After, bool All)> SeeReturnedAsync(long expected, CancellationToken cancellationToken)
    {
        TimeSpan delay = TimeSpan.FromMilliseconds(10);
        long lastChange = time.GetTimestamp();
        uint lastReady = uint.MaxValue;
        while (true)
        {
            long asked = time.GetTimestamp();
            DeclareOk depth = await control.DeclarePassiveAsync(request.Queue.Name, cancellationToken).ConfigureAwait(false);
            if (depth.Ready >= expected)
            {
                return (depth, true);
            }

            bool isSilent = request.IsQuorum && depth is { Ready: 0, Consumers: 0 } && time.GetElapsedTime(asked) >= Silence;

            if (depth.Ready != lastReady)
            {
                lastReady = depth.Ready;
                lastChange = time.GetTimestamp();
            }
            else if (time.GetElapsedTime(lastChange) > (isSilent ? request.SilenceTimeout : depth.Consumers > 0 ? request.IdleTimeout : request.ReleaseTimeout))
            {
                return (depth, false);
            }

            await Task.Delay(delay, time, cancellationToken).ConfigureAwait(false);
            delay = delay < TimeSpan.FromMilliseconds(40) ? delay * 2 : delay;
        }
    }
}
