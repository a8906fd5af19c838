using RabbitMqBackup.Engine.Broker.Amqp;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// One read of one queue: consumers one after the other on one channel (or gets), all cancelled before anything is given back, then the release, then the count.
/// The order of these steps is what keeps the queue's order; see the constants and comments for what was measured.
/// </summary>
internal sealed class QueueRead(
    DataConnection connection, DataChannel control, QueueReadRequest request, ReadPortions plan, IDeliverySink sink, BrokerOptions options, TimeProvider time) : IDisposable
{
    /// <summary>Gets on their way at once: enough to hide the round trip, few enough to be answered within any time-out.</summary>
    private const int GetWindow = 64;

    /// <summary>Idle checks in a row without any change that make an end: one more than for an empty queue, whose last messages can still be on their way.</summary>
    private const int QuietChecksWhenEmpty = 2;
    private const int QuietChecksWhenStalled = 3;

    private readonly ReadSession _session = new(sink, request.IsQuorum);
    private readonly List<string> _consumers = [];
    private DataChannel? _channel;
    private long _granted;

    /// <summary>Reads and gives back.</summary>
    internal async Task<QueueReadResult> RunAsync(long depth, CancellationToken cancellationToken)
    {
        long start = time.GetTimestamp();
        ReadStop stop;
        QueueReleaseMethod released;
        try
        {
            _channel = await connection.OpenChannelAsync(request.Queue.ToString(), _session, cancellationToken).ConfigureAwait(false);
            stop = request.Method == QueueReadMethod.Get
                ? await FetchAsync(_channel, cancellationToken).ConfigureAwait(false)
                : await ConsumeAsync(_channel, cancellationToken).ConfigureAwait(false);
            await HoldTheRestAsync(_channel, depth, cancellationToken).ConfigureAwait(false);
            released = await ReleaseAsync(_channel, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception)
        {
            await GiveBackAsync(depth).ConfigureAwait(false);
            throw;
        }

        TimeSpan held = time.GetElapsedTime(start);
        (DeclareOk after, bool all) = await SeeReturnedAsync(_session.Held, cancellationToken).ConfigureAwait(false);
        await _channel.CloseAsync(cancellationToken).ConfigureAwait(false);
        return new QueueReadResult
        {
            Depth = depth,
            Delivered = _session.Delivered,
            Released = _session.Held == 0 ? null : released,
            HighestDeliveryCount = _session.HighestDeliveryCount,
            ReadyAfter = after.Ready,
            ConsumersAfter = after.Consumers,
            AllReturned = all,
            OrderKept = stop == ReadStop.Drained || !MoreWasGivenBack(depth),
            Stop = stop,
            Held = held,
        };
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    /// <summary>
    /// The next consumer starts when the one before it is full: so each holds a run of the queue, and ascending tags give the runs back in their order. The prefetch counts
    /// add up to the target, so that never more is held.
    /// </summary>
    private async Task<ReadStop> ConsumeAsync(DataChannel channel, CancellationToken cancellationToken)
    {
        while (_granted < plan.Target)
        {
            await AddConsumerAsync(channel, Math.Min(plan.Prefetch, plan.Target - _granted), cancellationToken).ConfigureAwait(false);
            if (await WaitForDeliveriesAsync(_granted, cancellationToken).ConfigureAwait(false) is { } stop)
            {
                return stop;
            }
        }

        return plan.Stop;
    }

    private async Task AddConsumerAsync(DataChannel channel, long prefetch, CancellationToken cancellationToken)
    {
        ConsumeArgument argument = request.ConsumerTimeout is { } timeout ? ConsumeArgument.Timeout(timeout) : ConsumeArgument.None;
        string tag = $"bk-{_consumers.Count:000}";
        _consumers.Add(tag);
        _granted += prefetch;
        try
        {
            await channel.ConsumeAsync(request.Queue.Name, tag, (ushort)prefetch, argument, cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException refusal) when (refusal.Code == ErrorCode.BrokerAccessRefused)
        {
            throw await ExplainRefusalAsync(refusal, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// A quorum queue serves what it was given back before what is new, and puts what it is given back behind the rest of that: who takes a part of it and gives it back rotates
    /// the queue. So a read that ends early goes on holding, for nobody, until a message comes that was never delivered before, or nothing is left.
    /// </summary>
    private async Task HoldTheRestAsync(DataChannel channel, long depth, CancellationToken cancellationToken)
    {
        while (request.Method == QueueReadMethod.Consume && MoreWasGivenBack(depth))
        {
            _session.Stop();
            if (_session.Held >= _granted)
            {
                if (_consumers.Count == request.MaxConsumers)
                {
                    return;
                }

                await AddConsumerAsync(channel, Math.Min(QueueReadRequest.MaxPrefetch, depth - _granted), cancellationToken).ConfigureAwait(false);
            }

            if (await WaitForDeliveriesAsync(_granted, cancellationToken).ConfigureAwait(false) is not null)
            {
                return;
            }
        }
    }

    private bool MoreWasGivenBack(long depth) => request.IsQuorum && _session.LastWasRedelivered && _session.Held < depth;

    /// <summary>Returns null when so many messages came, else why no more will.</summary>
    private async Task<ReadStop?> WaitForDeliveriesAsync(long count, CancellationToken cancellationToken)
    {
        int quiet = 0;
        uint lastReady = 0;
        while (true)
        {
            long before = _session.Held;
            bool woken = await _session.WaitAsync(count, request.IdleTimeout, time, cancellationToken).ConfigureAwait(false);
            _session.ThrowIfFailed();
            if (_session.IsCancelledByBroker)
            {
                // What that consumer held is back in the queue: to go on would read it again.
                return ReadStop.ConsumerCancelled;
            }

            if (_session.Held >= count)
            {
                return null;
            }

            if (woken || _session.IsPaused || _session.Held != before)
            {
                quiet = 0;
                continue;
            }

            DeclareOk depth = await control.DeclarePassiveAsync(request.Queue.Name, cancellationToken).ConfigureAwait(false);
            quiet = _session.Held != before ? 0 : quiet > 0 && depth.Ready != lastReady ? 1 : quiet + 1;
            lastReady = depth.Ready;
            if (depth.Ready == 0 ? quiet >= QuietChecksWhenEmpty : quiet >= QuietChecksWhenStalled)
            {
                return depth.Ready == 0 ? ReadStop.Drained : ReadStop.Stalled;
            }
        }
    }

    /// <summary>Never more gets than are wanted, since each takes a message.</summary>
    private async Task<ReadStop> FetchAsync(DataChannel channel, CancellationToken cancellationToken)
    {
        long asked = 0;
        while (_session.Answered < plan.Target)
        {
            if (_session.Answered > _session.Held)
            {
                // One came back empty: wait for those that are on their way, ask no more.
                await WaitForAnswersAsync(asked, cancellationToken).ConfigureAwait(false);
                return ReadStop.Drained;
            }

            int more = (int)Math.Min(GetWindow - (asked - _session.Answered), plan.Target - asked);
            channel.Get(request.Queue.Name, more);
            asked += more;
            await WaitForAnswersAsync(asked == plan.Target ? asked : asked - (GetWindow / 2), cancellationToken).ConfigureAwait(false);
        }

        return _session.Held == plan.Target ? plan.Stop : ReadStop.Drained;
    }

    private async Task WaitForAnswersAsync(long count, CancellationToken cancellationToken)
    {
        while (_session.Answered < count)
        {
            long before = _session.Answered;
            bool woken = await _session.WaitAsync(count, options.RequestTimeout, time, cancellationToken).ConfigureAwait(false);
            _session.ThrowIfFailed();
            if (!woken && !_session.IsPaused && _session.Answered == before)
            {
                throw new RabbitBackupException(ErrorCode.OperationTimedOut, $"The queue '{request.Queue}' gave no answer within {options.RequestTimeout.TotalSeconds:0} s.")
                {
                    Target = request.Queue.ToString(),
                    IsTransient = true,
                };
            }
        }
    }

    /// <summary>Cancel first: what is given back while a consumer is there would be delivered to it again.</summary>
    private async Task<QueueReleaseMethod> ReleaseAsync(DataChannel channel, CancellationToken cancellationToken)
    {
        await Task.WhenAll(_consumers.Select(tag => channel.CancelAsync(tag, cancellationToken))).ConfigureAwait(false);
        _consumers.Clear();
        QueueReleaseMethod method = request.Release;
        if (request.BeforeRelease is { } decide && _session.Held > 0)
        {
            method = await decide(
                new ReleaseContext
                {
                    Queue = request.Queue,
                    Held = _session.Held,
                    LastDeliveryTag = _session.LastDeliveryTag,
                    HighestDeliveryCount = _session.HighestDeliveryCount,
                    Planned = request.Release,
                },
                cancellationToken).ConfigureAwait(false);
        }

        // Many messages that were fetched singly and are nacked together take a classic queue quadratic time.
        if (method == QueueReleaseMethod.Nack && request.Method == QueueReadMethod.Consume && _session.Held > 0)
        {
            channel.RequeueUpTo(_session.LastDeliveryTag);
            return QueueReleaseMethod.Nack;
        }

        await channel.CloseAsync(cancellationToken).ConfigureAwait(false);
        return QueueReleaseMethod.ChannelClose;
    }

    /// <summary>After a failure: the same release, bounded in time. Where it fails, the end of the connection gives everything back.</summary>
    private async Task GiveBackAsync(long depth)
    {
        _session.Stop();
        if (_channel is not { Closed: null } channel)
        {
            return;
        }

        try
        {
            using CancellationTokenSource holding = new(request.HoldTimeout, time);
            using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(holding.Token, request.Abort);
            await HoldTheRestAsync(channel, depth, either.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is RabbitBackupException or OperationCanceledException)
        {
            // Then in another order: to be given back is what matters most.
        }

        try
        {
            using CancellationTokenSource releasing = new(request.ReleaseTimeout, time);
            using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(releasing.Token, request.Abort);
            if (await ReleaseAsync(channel, limit.Token).ConfigureAwait(false) == QueueReleaseMethod.Nack)
            {
                // Not before the broker has worked the nack off: a channel that ends with messages held counts as a delivery attempt.
                await SeeReturnedAsync(_session.Held, limit.Token).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is RabbitBackupException or OperationCanceledException)
        {
            connection.Fail(new RabbitBackupException(ErrorCode.BrokerConnectionLost, $"The read of '{request.Queue}' was broken off.", exception) { Target = request.Queue.ToString() });
        }
    }

    /// <summary>Waits until as many are ready as were held, or nothing changes any more.</summary>
    private async Task<(DeclareOk After, bool All)> SeeReturnedAsync(long held, CancellationToken cancellationToken)
    {
        TimeSpan delay = TimeSpan.FromMilliseconds(10);
        long lastChange = time.GetTimestamp();
        uint lastReady = uint.MaxValue;
        while (true)
        {
            DeclareOk depth = await control.DeclarePassiveAsync(request.Queue.Name, cancellationToken).ConfigureAwait(false);
            if (depth.Ready >= held)
            {
                return (depth, true);
            }

            if (depth.Ready != lastReady)
            {
                lastReady = depth.Ready;
                lastChange = time.GetTimestamp();
            }
            else if (time.GetElapsedTime(lastChange) > (depth.Consumers > 0 ? request.IdleTimeout : request.ReleaseTimeout))
            {
                return (depth, false);
            }

            await Task.Delay(delay, time, cancellationToken).ConfigureAwait(false);
            delay = delay < TimeSpan.FromMilliseconds(40) ? delay * 2 : delay;
        }
    }

    /// <summary>
    /// The broker answers a consumer with 403 both when the user may not read and when another consumer is exclusive. A consumer with an argument that can't be
    /// is refused with 403 in the first case only.
    /// </summary>
    private async Task<RabbitBackupException> ExplainRefusalAsync(RabbitBackupException refusal, CancellationToken cancellationToken)
    {
        DataChannel probe = await connection.OpenChannelAsync(request.Queue.ToString(), ChannelEvents.None, cancellationToken).ConfigureAwait(false);
        try
        {
            await probe.ConsumeAsync(request.Queue.Name, "bk-probe", 1, ConsumeArgument.Invalid, cancellationToken).ConfigureAwait(false);
            await probe.CloseAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException answer) when (answer.Code == ErrorCode.BrokerAccessRefused)
        {
            return refusal;
        }
        catch (RabbitBackupException) when (connection.Fault is null)
        {
            // Not a matter of permissions.
        }

        return new RabbitBackupException(ErrorCode.QueueInUse, $"A consumer uses the queue '{request.Queue}' exclusively.", refusal)
        {
            Target = request.Queue.ToString(),
            Hint = "Read it when that consumer is gone, or by fetching its messages instead of consuming.",
        };
    }
}
