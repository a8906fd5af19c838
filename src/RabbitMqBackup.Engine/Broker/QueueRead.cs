using RabbitMqBackup.Engine.Broker.Amqp;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// One read of one queue: consumers one after the other on one channel (or gets), all cancelled before anything is given back, then the release, then the count.
/// The order of these steps is what keeps the queue's order; see the constants and comments for what was measured.
/// </summary>
internal sealed partial class QueueRead(
    DataConnection connection, DataChannel control, QueueReadRequest request, IDeliverySink sink, BrokerOptions options, TimeProvider time) : IDisposable
{
    /// <summary>Idle checks in a row without any change that make an end.</summary>
    private const int QuietChecksWhenStalled = 3;

    /// <summary>Idle checks in a row at most, whatever others do there: where consumers go before ours, what is ready can change for ever.</summary>
    private const int MostQuietChecks = 15;

    /// <summary>Messages of a quorum queue that can be taken, and given back, in a second, when nothing is done with them; a careful guess, measured are 20,000 and more.</summary>
    private const int HeldPerSecond = 10_000;

    /// <summary>How often a read goes on when others went before what was ready at the start. Each time leaves as many as went before those once more.</summary>
    private const int MaxExtensions = 8;

    /// <summary>Messages of a consumer where those at the delivery limit can only be published again: so many at most are in danger at a time, and kept in memory.</summary>
    private const ushort Endangered = 100;

    /// <summary>For the consumers that this takes.</summary>
    private static readonly TimeSpan RoundTrips = TimeSpan.FromSeconds(1);

    private readonly ReadSession _session = new(sink, request);
    private ReadChannels? _channels;
    private DeliveryLimitGuard? _guard;
    private QueueRelease? _release;
    private DepthQuestion? _question;
    private Task<bool>? _isGivenOut;
    private ReadPortions _plan;
    private long _depth;

    /// <summary>What is to be held at most: the depth, and what became known to be there beyond it.</summary>
    private long _reach;
    private int _extensions;
    private long _overtakers;
    private long _perhapsMissed;
    private bool _mayComeBack;
    private long _granted;
    private long _start;

    /// <summary>Reads and gives back.</summary>
    internal async Task<QueueReadResult> RunAsync(DeclareOk depth, CancellationToken cancellationToken)
    {
        (_depth, _reach, _plan, _start) = (depth.Ready, depth.Ready, ReadPortions.For(request, depth.Ready), time.GetTimestamp());
        _mayComeBack = request.MayComeBack || depth.Consumers > 0;
        _question = new DepthQuestion(control, request, _session, options, time);
        _channels = new ReadChannels(connection, request, _session);
        _guard = new DeliveryLimitGuard(request, _session, time);
        _release = new QueueRelease(_channels, control, request, _session, _guard, time);
        ReadStop stop;
        QueueReleaseMethod released;
        using CancellationTokenRegistration? stopping = request.StopSignal?.Register(_session.Call);
        try
        {
            await _channels.OpenAsync(cancellationToken).ConfigureAwait(false);
            stop = request.Method == QueueReadMethod.Get
                ? await FetchAsync(_channels.Current, cancellationToken).ConfigureAwait(false)
                : await ConsumeAsync(cancellationToken).ConfigureAwait(false);
            await HoldTheRestAsync(stop, cancellationToken).ConfigureAwait(false);
            released = await _release.RunAsync(isPart: stop is not (ReadStop.DepthReached or ReadStop.Drained or ReadStop.ConsumerCancelled or ReadStop.CameTwice), cancellationToken).ConfigureAwait(false);
            // What came before the consumers were gone is known only now.
            stop = CameTwice ? ReadStop.CameTwice : stop;
        }
        catch (Exception)
        {
            await GiveBackAsync().ConfigureAwait(false);
            throw;
        }

        TimeSpan held = time.GetElapsedTime(_start);
        (DeclareOk after, bool all) = await _release.SeeReturnedAsync(besideConsumers: depth.Consumers > 0 || stop == ReadStop.CameTwice, cancellationToken).ConfigureAwait(false);
        await _release.CloseAsync(cancellationToken).ConfigureAwait(false);
        return new QueueReadResult
        {
            Depth = Math.Max(_depth, _session.Delivered),
            Delivered = _session.Delivered,
            Released = _session.Held == 0 ? null : released,
            HighestDeliveryCount = _session.HighestDeliveryCount,
            ReadyAfter = after.Ready,
            ConsumersBefore = depth.Consumers,
            ConsumersAfter = after.Consumers,
            AllReturned = all && _release.Missing == 0,
            Missing = _release.Missing,
            OthersTake = _release.OthersTake,
            MayHaveShrunk = request.MayShrink || _session.HasExpiration,
            PerhapsMissed = _perhapsMissed,
            Prioritized = request.IsQuorum ? _session.Prioritized : 0,
            OrderKept = stop == ReadStop.Drained || !MoreWasGivenBack,
            Stop = stop,
            StopReason = request.StopSignal?.Reason ?? _session.BlockedBy,
            Held = held,
        };
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    /// <summary>What a broker, perhaps a busy one, needs at most to take so many messages back, or to deliver them to nobody.</summary>
    internal static TimeSpan TimeToReturn(long messages) => TimeSpan.FromSeconds((double)messages / HeldPerSecond);

    /// <summary>
    /// The next consumer starts when the one before it is full: so each holds a run of the queue, and ascending tags give the runs back in their order. The prefetch counts
    /// add up to the target, so that never more is held.
    /// </summary>
    private async Task<ReadStop> ConsumeAsync(CancellationToken cancellationToken)
    {
        if ((request.IsQuorum || request.ConsumersKnown is not null) && !await BeginAsync(cancellationToken).ConfigureAwait(false))
        {
            return ReadStop.OthersAtWork;
        }

        while (true)
        {
            if (await WaitForDeliveriesAsync(Math.Min(_granted, _plan.Target), capturing: true, cancellationToken).ConfigureAwait(false) is { } stop)
            {
                return stop;
            }

            await SaveAsync(cancellationToken).ConfigureAwait(false);
            if (_granted >= _plan.Target && !await ExtendAsync(cancellationToken).ConfigureAwait(false))
            {
                return _session.Copies.AreMet && _plan.Stop == ReadStop.DepthReached ? ReadStop.Drained : _plan.Stop;
            }

            await AddConsumerAsync(Math.Min(_granted == 0 ? _plan.First : NextPortion(_plan.Target, _plan.Prefetch), _plan.Target - _granted), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// The first consumer also shows whether others are at the queue, and whether a quorum queue's depth is true; where none was told, it takes a single message. False where others are at work.
    /// </summary>
    private async Task<bool> BeginAsync(CancellationToken cancellationToken)
    {
        await AddConsumerAsync(Math.Clamp(_plan.Target, 1, _plan.First), cancellationToken).ConfigureAwait(false);
        (long depth, long others) = await _question!.ConfirmAsync(_depth, _granted, cancellationToken).ConfigureAwait(false);
        if (others > request.ConsumersKnown)
        {
            return false;
        }

        if (depth == _depth)
        {
            return true;
        }

        (_depth, _reach, _plan) = (depth, depth, ReadPortions.For(request, depth));
        request.DepthKnown?.Invoke(depth);
        return request.IsBeingFilled is not { } isBeingFilled || !await isBeingFilled(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// As many were read as were ready at the start, but not all of these where others went before them: returned by consumers, or of a higher priority. Of those that were ready as many can be left as came before them, so
    /// the read goes on by so many; not by all that is ready now, which grows without end where publishers are quicker than the read.
    /// </summary>
    private async Task<bool> ExtendAsync(CancellationToken cancellationToken)
    {
        long overtakers = _session.Prioritized + (_mayComeBack ? _session.Redelivered : 0);
        if (_plan.Stop != ReadStop.DepthReached || overtakers == _overtakers)
        {
            return false;
        }

        (long left, _overtakers) = (overtakers - _overtakers, overtakers);
        // Behind the copies of this read nothing is looked for: it would capture what it holds once more. Its consumers were ended before them.
        bool isBeforeCopies = _guard!.Copied == 0;
        long ready = Math.Max(0, (await _question!.AskAsync(cancellationToken, areEnded: !isBeforeCopies).ConfigureAwait(false)).Ready - _guard.Copied);
        long more = Math.Min(Math.Min(left, ready), request.Method == QueueReadMethod.Get ? left : _channels!.Free * _plan.Prefetch);
        if (++_extensions > MaxExtensions || more == 0 || !isBeforeCopies)
        {
            _perhapsMissed = ready;
            return false;
        }

        _reach += more;
        _plan = _plan with { Target = _plan.Target + more };
        return true;
    }

    private long NextPortion(long target, ushort most) =>
        (_plan with { Prefetch = _guard!.OnlyCopiesHelp ? Math.Min(most, Endangered) : most }).Next(request, target - _granted, Math.Max(1, _channels!.Free), _session.Held, _session.Bytes);

    /// <summary>
    /// Publishes again what nothing else helps, as soon as a consumer has all that it may hold: then nothing is on its way. The consumer is ended first, or it would be sent another message for each that is taken out; what else it
    /// holds keeps its place. The copies lie behind all that was ready, so that nothing of them is read as long as the read ends there.
    /// </summary>
    private async Task SaveAsync(CancellationToken cancellationToken)
    {
        if (!_guard!.HasToPublish || _session.Held < _granted)
        {
            return;
        }

        long end = _session.Held + Math.Max(0, (await _question!.AskAsync(cancellationToken).ConfigureAwait(false)).Ready - _guard.Copied);
        await _channels!.EndConsumersAsync(cancellationToken).ConfigureAwait(false);
        await _guard.PublishAgainAsync(_channels.All, besideOthers: _mayComeBack || end != _reach).ConfigureAwait(false);
        _reach = Math.Min(_reach, end);
        _plan = end < _plan.Target ? _plan with { Target = end, Stop = ReadStop.Drained } : _plan;
    }

    private Task AddConsumerAsync(long prefetch, CancellationToken cancellationToken)
    {
        _granted += prefetch;
        return _channels!.AddConsumerAsync(prefetch, cancellationToken);
    }

    /// <summary>
    /// A quorum queue serves what it was given back before what is new, and puts what it is given back behind the rest of that: who takes a part of it and gives it back rotates
    /// the queue. So a read that ends early goes on holding, for nobody, until a message comes that was never delivered before, or nothing is left. Not so where that would do the
    /// harm that the read was ended for: then the queue is rotated, and the result says so.
    /// </summary>
    private async Task HoldTheRestAsync(ReadStop stop, CancellationToken cancellationToken)
    {
        if (request.Method != QueueReadMethod.Consume || stop is ReadStop.BrokerInAlarm or ReadStop.OthersAtWork or ReadStop.CameTwice || (stop == ReadStop.DeliveryLimit && _session.Held == _plan.First))
        {
            return;
        }

        for (long more = 2000; MoreWasGivenBack || MoreIsOnItsWay(stop);)
        {
            if (stop != ReadStop.DeliveryLimit)
            {
                // Where nothing but the count stopped the read, what costs a delivery anyway is captured.
                _session.Stop();
            }

            if (_session.Held >= _granted)
            {
                if (_channels!.IsFull)
                {
                    return;
                }

                // Few at first: usually the next one is new already, and all that is asked for has to be taken, each for a delivery.
                await AddConsumerAsync(Math.Min(Math.Min(more, NextPortion(_reach, QueueReadRequest.MaxPrefetch)), _reach - _granted), cancellationToken).ConfigureAwait(false);
                more = QueueReadRequest.MaxPrefetch;
            }

            if (await WaitForDeliveriesAsync(_granted, capturing: false, cancellationToken).ConfigureAwait(false) is not null)
            {
                return;
            }

            await SaveAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Messages that are sent to a consumer when it is cancelled are given back by the broker itself, before those that are held, which then go behind them (measured on 4.0): so they
    /// are taken first.
    /// </summary>
    private bool MoreIsOnItsWay(ReadStop stop) =>
        request.IsQuorum && _session.Held < Math.Min(_granted, _reach) && stop is not (ReadStop.Drained or ReadStop.Stalled or ReadStop.ConsumerCancelled);

    /// <summary>See <see cref="ReadStop.CameTwice"/>: what is taken back is free to be sent once more, so that in the end each consumer has been sent what it may hold, and what was taken back besides.</summary>
    private bool CameTwice => request is { IsQuorum: true, Method: QueueReadMethod.Consume } && _session.Held > _granted;

    private bool MoreWasGivenBack => request.IsQuorum && _session.LastWasRedelivered && _session.Held < _reach;

    /// <summary>How long messages may still be held; what is kept back for the release is not in it.</summary>
    private TimeSpan TimeLeft(bool capturing)
    {
        if (request.MaxHold is not { } hold)
        {
            return TimeSpan.MaxValue;
        }

        TimeSpan keep = hold / 20;
        if (capturing)
        {
            // For the order's sake all that was given back before has to be taken as well: that must fit, too.
            TimeSpan rest = MoreWasGivenBack ? RoundTrips + TimeToReturn(_reach - _session.Held) : TimeSpan.Zero;
            keep += rest > hold / 2 ? hold / 2 : rest > hold / 20 ? rest : hold / 20;
        }

        return hold - keep - time.GetElapsedTime(_start);
    }

    /// <summary>Why the read is to end now though more could come; null where it is to go on.</summary>
    private ReadStop? EarlyStop(bool capturing)
    {
        if (request.StopSignal?.Reason is not null || _session.BlockedBy is not null)
        {
            return ReadStop.BrokerInAlarm;
        }

        return CameTwice ? ReadStop.CameTwice
            : TimeLeft(capturing) <= TimeSpan.Zero ? ReadStop.HoldTime
            : capturing && _session.IsAtMark ? ReadStop.DeliveryLimit
            : null;
    }

    /// <summary>Returns null when so many messages came, else why no more will.</summary>
    private async Task<ReadStop?> WaitForDeliveriesAsync(long count, bool capturing, CancellationToken cancellationToken)
    {
        (int quiet, int checks, uint lastReady) = (0, 0, 0);
        while (true)
        {
            if (_isGivenOut is { IsCompleted: true } known)
            {
                _isGivenOut = null;
                if (await known.ConfigureAwait(false) && _session.Held < count)
                {
                    return ReadStop.Drained;
                }
            }

            long before = _session.Held;
            TimeSpan left = TimeLeft(capturing);
            TimeSpan patience = left < request.IdleTimeout ? left > TimeSpan.Zero ? left : TimeSpan.Zero : request.IdleTimeout;
            bool woken = await _session.WaitAsync(count, patience, time, cancellationToken).ConfigureAwait(false);
            _session.ThrowIfFailed();
            await _guard!.RaiseAsync().ConfigureAwait(false);
            if (_session.IsCancelledByBroker)
            {
                // What that consumer held is back in the queue: to go on would read it again.
                return ReadStop.ConsumerCancelled;
            }

            if (EarlyStop(capturing) is { } early)
            {
                return early;
            }

            if (_session.Held >= count)
            {
                return null;
            }

            bool moves = _session.IsPaused || _session.Held != before;
            DeclareOk? depth = woken || moves ? null : await _question!.AskAsync(cancellationToken).ConfigureAwait(false);
            if (depth is not { Ready: > 0 } stuck)
            {
                (quiet, checks) = (0, 0);
                // In the background: the answer may lie behind messages that wait to be taken, and the read may have to end before.
                _isGivenOut ??= woken ? null : _question!.IsGivenOutAsync(depth, _channels!.Current, cancellationToken);
                continue;
            }

            quiet = _session.Held != before ? 0 : quiet > 0 && stuck.Ready != lastReady ? 1 : quiet + 1;
            lastReady = stuck.Ready;
            if (quiet >= QuietChecksWhenStalled || ++checks == MostQuietChecks)
            {
                return ReadStop.Stalled;
            }
        }
    }

    /// <summary>After a failure: the same release, bounded in time. Where it fails, the end of the connection gives everything back.</summary>
    private async Task GiveBackAsync()
    {
        _session.Stop();
        _guard!.Tell();
        if (_channels!.All.Count == 0 || _channels.Current.Closed is not null)
        {
            return;
        }

        try
        {
            using CancellationTokenSource holding = new(request.HoldTimeout, time);
            using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(holding.Token, request.Abort);
            await HoldTheRestAsync(ReadStop.LimitReached, either.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is RabbitBackupException or OperationCanceledException)
        {
            // Then in another order: to be given back is what matters most.
        }

        try
        {
            using CancellationTokenSource releasing = new(request.ReleaseTimeout + TimeToReturn(_session.Held), time);
            using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(releasing.Token, request.Abort);
            if (await _release!.RunAsync(isPart: request.Release == QueueReleaseMethod.Nack, limit.Token).ConfigureAwait(false) == QueueReleaseMethod.Nack)
            {
                // Not before the broker has worked the nack off: a channel that ends with messages held counts as a delivery attempt.
                await _release.SeeReturnedAsync(besideConsumers: false, limit.Token).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is RabbitBackupException or OperationCanceledException)
        {
            connection.Fail(new RabbitBackupException(ErrorCode.BrokerConnectionLost, $"The read of '{request.Queue}' was broken off.", exception) { Target = request.Queue.ToString() });
        }
    }
}
