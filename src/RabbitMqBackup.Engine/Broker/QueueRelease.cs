using RabbitMqBackup.Engine.Broker.Amqp;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>Gives back what a read holds, so that it lies in the queue as it lay, and sees that it does.</summary>
internal sealed class QueueRelease(ReadChannels channels, DataChannel control, QueueReadRequest request, ReadSession session, DeliveryLimitGuard guard, TimeProvider time)
{
    // Instead of an answer that takes longer than 250 ms the broker says that a quorum queue is empty, see DepthQuestion; an empty one's own answer takes a millisecond.
    private static readonly TimeSpan Silence = TimeSpan.FromMilliseconds(200);

    /// <summary>Mostly a classic queue has taken everything back before the channel's close is answered; on a busy broker a moment later (seen on 4.0 and 4.3). Not longer, or publishers fill what is missing.</summary>
    private static readonly TimeSpan ReturnTime = TimeSpan.FromSeconds(1);

    /// <summary>How long one looks for what consumers at work may have taken already.</summary>
    private static readonly TimeSpan TimeBesideConsumers = TimeSpan.FromMilliseconds(500);

    private long _ready;

    /// <summary>Messages of the channel that was given back last: those of the others are back.</summary>
    private long _given;
    private bool _nacked;

    /// <summary>See <see cref="QueueReadResult.Missing"/>.</summary>
    internal long Missing { get; private set; }

    /// <summary>See <see cref="QueueReadResult.OthersTake"/>.</summary>
    internal bool OthersTake { get; private set; }

    /// <summary>Cancels first: what is given back while a consumer is there would be delivered to it again. Of a part, what the read leaves where it is counts as well.</summary>
    internal async Task<QueueReleaseMethod> RunAsync(bool isPart, CancellationToken cancellationToken)
    {
        session.EndPauses();
        await channels.CancelAllAsync(cancellationToken).ConfigureAwait(false);
        await guard.SettleAsync(channels.All).ConfigureAwait(false);

        // Many messages that were fetched singly and are nacked together take a classic queue quadratic time.
        _nacked = request.Release == QueueReleaseMethod.Nack && request.Method == QueueReadMethod.Consume && session.Held > 0;
        bool fetched = request.Method == QueueReadMethod.Get;
        _ready = channels.All.Count == 1 && !fetched && !isPart ? guard.Copied : (await control.DeclarePassiveAsync(request.Queue.Name, cancellationToken).ConfigureAwait(false)).Ready;
        foreach (ReadChannel channel in channels.All)
        {
            if (!_nacked)
            {
                await channel.Channel.CloseAsync(cancellationToken).ConfigureAwait(false);
            }
            else if (channel.Held > 0)
            {
                channel.Channel.RequeueUpTo(channel.LastDeliveryTag);
            }

            _given = channel.Held - channel.Acknowledged;
            _ready += _given;
            if (channel != channels.All[^1])
            {
                // A quorum queue puts what comes back behind what came back before: so the next channel only when this one's messages are there.
                await SeeReturnedAsync(null, cancellationToken).ConfigureAwait(false);
            }
        }

        if (fetched)
        {
            (DeclareOk after, _) = await SeeReturnedAsync(ReturnTime, cancellationToken).ConfigureAwait(false);
            Missing = Math.Max(0, _ready - after.Ready);
            _ready -= Missing;
        }

        return _nacked ? QueueReleaseMethod.Nack : QueueReleaseMethod.ChannelClose;
    }

    /// <summary>Closes what is still open.</summary>
    internal async Task CloseAsync(CancellationToken cancellationToken)
    {
        foreach (ReadChannel channel in channels.All)
        {
            await channel.Channel.CloseAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Waits until all that was given back is there, or nothing more of it comes. Beside consumers, which take it again, that is soon; but not before the broker must have worked a nack off: messages that are still held
    /// when their channel ends are counted.
    /// </summary>
    internal async Task<(DeclareOk After, bool All)> SeeReturnedAsync(bool besideConsumers, CancellationToken cancellationToken) => request.Method == QueueReadMethod.Get
        // Seen before; what is missing is known.
        ? (await control.DeclarePassiveAsync(request.Queue.Name, cancellationToken).ConfigureAwait(false), true)
        : await SeeReturnedAsync(!besideConsumers ? null : _nacked ? request.IdleTimeout + QueueRead.TimeToReturn(_given) : TimeBesideConsumers, cancellationToken).ConfigureAwait(false);

    private async Task<(DeclareOk After, bool All)> SeeReturnedAsync(TimeSpan? atMost, CancellationToken cancellationToken)
    {
        TimeSpan delay = TimeSpan.FromMilliseconds(10);
        ReturnWatch watch = new(time);
        uint last = 0;
        long start = time.GetTimestamp();
        while (true)
        {
            long asked = time.GetTimestamp();
            DeclareOk depth = await control.DeclarePassiveAsync(request.Queue.Name, cancellationToken).ConfigureAwait(false);
            OthersTake |= depth.Ready < last;
            last = depth.Ready;
            if (depth.Ready >= _ready || time.GetElapsedTime(start) > atMost)
            {
                return (depth, depth.Ready >= _ready);
            }

            bool isSilent = request.IsQuorum && depth is { Ready: 0, Consumers: 0 } && time.GetElapsedTime(asked) >= Silence;
            TimeSpan patience = isSilent ? request.SilenceTimeout : depth.Consumers > 0 ? request.IdleTimeout : request.ReleaseTimeout;
            // Of many nothing shows until the broker has worked their channel's whole nack off: who goes on before gives the next channel's back in front of them.
            if (watch.Quiet(depth) > patience + QueueRead.TimeToReturn(_given))
            {
                return (depth, false);
            }

            await Task.Delay(delay, time, cancellationToken).ConfigureAwait(false);
            delay = delay < TimeSpan.FromMilliseconds(40) ? delay * 2 : delay;
        }
    }
}
