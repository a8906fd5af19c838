using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>Captures one queue, from the decision how to read it to its row in the manifest.</summary>
internal sealed class QueueBackup(CaptureContext context, QueueInfo queue, Action<SegmentEntry, QueueEntry> committed, Action<long, long> advanced)
{
    /// <summary>Warnings about single messages; more of them are in the manifest only.</summary>
    private const int MaxWarnings = 10;

    /// <summary>Bodies that a quorum queue, which sends all that a consumer may hold at once, can have on their way.</summary>
    private const long PrefetchBytes = 64 << 20;

    private readonly ReadDecision _decision = ReadSafety.Decide(queue, context.Plan.Version, context.SafetyOptions);
    private readonly QueueName _name = new(queue.VirtualHost, queue.Name);
    private readonly BrokenRead _broken = new(context, queue);
    private DeliveryLimitRescue? _rescue;
    private RescueOutcome? _rescued;

    /// <summary>Of the last attempt.</summary>
    private ReadPlan? _plan;
    private long? _depth;
    private bool _looked;

    /// <summary>The last attempt brought less than one before it.</summary>
    private bool _isLess;

    /// <summary>Applications' consumers. A reader that has just gone is counted no more: else another one could take its place unseen.</summary>
    private long? _consumers = context.Options.Force ? null : Math.Min(queue.Consumers, queue.KnownConsumers ?? queue.Consumers);

    /// <summary>The attempt ended since the broker allows fewer consumers, with which another one reckons, or brought nothing that can be counted on: another one is worth a delivery.</summary>
    private bool _adapted;

    /// <summary>The most that an attempt of this run has captured, none of it twice.</summary>
    private long _captured;

    /// <summary>What can be done about what went wrong, for people; null where nothing did, or nobody knows.</summary>
    internal string? Hint { get; private set; }

    /// <summary>
    /// Reads the queue. What goes wrong with the queue is in the entry that comes back; what goes wrong with the store is thrown, since no other queue would fare better.
    /// </summary>
    internal async Task<QueueEntry> RunAsync(CancellationToken cancellationToken)
    {
        if (_decision.Plan is not { } plan || (_decision.Verdict == ReadVerdict.Unsafe && !context.Options.Force))
        {
            return Skipped(_decision.SkipCode ?? ErrorCode.QueueAtRisk, string.Join(" ", _decision.Reasons));
        }

        if (context.StopSignal.Reason is { } trouble)
        {
            return Skipped(ErrorCode.BrokerInAlarm, trouble);
        }

        if (plan.MaxHold is { } hold && context.Rate.Estimate(queue.Messages, queue.MessageBytes, context.Options) is var estimate && estimate > hold)
        {
            context.Log.HoldTimeTooShort(_name.ToString(), estimate, hold);
        }

        context.Journal.Begin(NewEntry());
        QueueEntry entry = NewEntry();
        RabbitBackupException? failure = null;
        try
        {
            entry = await context.BrokerRetry.RunAsync(
                async attempt =>
                {
                    if (attempt > 1)
                    {
                        await _broken.AwaitGoneAsync(cancellationToken).ConfigureAwait(false);
                    }
                    else if (!context.Options.Force && await context.Others.FindAsync(_name, OtherRuns.Patience, cancellationToken).ConfigureAwait(false) is { } other)
                    {
                        return Skipped(ErrorCode.QueueInUse, InUse(other));
                    }

                    for (int round = 1; ; round++)
                    {
                        QueueEntry before = entry;
                        (entry, failure, bool othersAtWork) = await AttemptAsync(attempt > 1 && _depth is not null ? Repeated(plan) : plan, cancellationToken).ConfigureAwait(false);
                        if (!othersAtWork)
                        {
                            // A second look that brought less, as where others fetch and publish: what was captured stays, and so does what is told of it.
                            entry = round > 1 && _isLess && failure is null && before.Outcome == QueueOutcome.Captured ? before : entry;
                            break;
                        }

                        if (await FindOthersAsync(round, cancellationToken).ConfigureAwait(false) is { } reader)
                        {
                            return Skipped(ErrorCode.QueueInUse, InUse(reader));
                        }
                    }

                    // Where each read costs a delivery, one that had begun and was broken off is not repeated, but for the one that told how many consumers it may have, or brought messages twice.
                    if (failure is not { IsTransient: true } || (plan is { ReleaseCounts: true, DeliveryLimit: not null } && !_adapted && _depth is not null))
                    {
                        return entry;
                    }

                    _adapted = false;
                    context.Log.ReadRepeated(queue.ToString(), attempt, failure.Message);
                    throw failure;
                },
                cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (!exception.Code.IsStorage())
        {
            // Before the first attempt where the broker was found dead by other queues; else the entry has it, but for the number of attempts.
            entry = entry.ErrorCode is null ? Failed(exception) : entry with { Reason = exception.Message };
            Hint = exception.Hint ?? Hint;
        }

        return entry;
    }

    /// <summary>A read that broke off has counted as a delivery, on every version: repeated again and again it must not take the application's retries, nor bring a message to its end, also not when forced.</summary>
    private ReadPlan Repeated(ReadPlan plan) => plan.DeliveryLimit is { } limit
        ? plan with { StopAtDeliveryCount = DeliveryLimitRules.StopAt(new(limit, IsArgument: false), releaseCounts: true, context.SafetyOptions), IsRepeated = true }
        : plan;

    /// <summary>The entry of a queue that this run could not read at all; what an earlier one has of it stays.</summary>
    internal QueueEntry Failed(RabbitBackupException failure) =>
        Outcome([.. context.Journal.Segments(queue.VirtualHost, queue.Name).Select(segment => segment.Entry)], hasUnmatched: false, read: null, failure);

    internal static string InUse(string connection) => $"Another run of this module works at it: the connection '{connection}' is open. What that run holds, this one would miss.";

    /// <summary>More consumers are there than the management API knew when the run began: an application's, or another run's that began in the same seconds. That one's connection, or null.</summary>
    private async Task<string?> FindOthersAsync(int round, CancellationToken cancellationToken)
    {
        const int Rounds = 3;
        long seen = await new ConsumerWatch(context.Broker, context.Time).CountAsync(_name, cancellationToken).ConfigureAwait(false);
        string? other = await context.Others.FindAsync(_name, OtherRuns.Patience, cancellationToken).ConfigureAwait(false);
        // Where ever more come they are an application's: a run that reads for so long would be listed.
        _consumers = round == Rounds ? null : Math.Max(seen, _consumers ?? 0);
        return other;
    }

    /// <summary>
    /// Messages were missing that nobody is known to consume, and are there now: another run that began in the same moment held them, and gave way. Not where another look costs a delivery of a limited number.
    /// </summary>
    private bool SomeCameBack(QueueReadResult read, ReadPlan plan) =>
        !_looked && (_looked = _consumers == 0 && read.Stop is (ReadStop.DepthReached or ReadStop.Drained) && read.Delivered < read.Depth && read.ReadyAfter > read.Delivered && plan is not { ReleaseCounts: true, DeliveryLimit: not null });

    /// <summary>Reads the queue from its head. What was captured before a failure is kept: half a queue in the backup is more than none, and the entry says that it is half.</summary>
    private async Task<(QueueEntry Entry, RabbitBackupException? Failure, bool OthersAtWork)> AttemptAsync(ReadPlan plan, CancellationToken cancellationToken)
    {
        await using SegmentSink sink = new(
            context,
            context.Journal.Of(queue.VirtualHost, queue.Name),
            number => QueueKey.Segment(queue.VirtualHost, queue.Name, number, context.Options.Compression),
            segment => committed(segment, NewEntry()))
        {
            Advanced = advanced,
        };
        RabbitBackupException? failure = null;
        QueueReadResult? read = null;
        _plan = plan;
        try
        {
            string leader = await LeaderAsync(plan, cancellationToken).ConfigureAwait(false);
            read = await new QueueReader(context.Broker, context.Time).ReadAsync(NewRequest(plan), context.Throttle?.Before(sink) ?? sink, cancellationToken).ConfigureAwait(false);
            _broken.End();
            if (await LeaderAsync(plan, cancellationToken).ConfigureAwait(false) != leader)
            {
                failure = LeaderChanged("Its leader changed while it was fetched, and the new one begins at the head: what came may be there twice, and the end of the queue not at all.");
            }
        }
        catch (RabbitBackupException exception) when (!exception.Code.IsStorage())
        {
            failure = await ExplainAsync(exception, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            using CancellationTokenSource limit = new(context.Options.StopTimeout, context.Time);
            await sink.CompleteAsync(isWhole: false, limit.Token).ConfigureAwait(false);
            throw;
        }

        if (context.Throttle is { } throttle)
        {
            // The last messages of a queue are given back without a wait; the next queue is begun when they are paid for.
            await throttle.WaitAsync(0, 0, cancellationToken).ConfigureAwait(false);
        }

        if (read is not null)
        {
            context.Rate.Add(read.Delivered, read.Held);
        }

        if (read?.Stop == ReadStop.ConsumerCancelled)
        {
            // Another node may lead it now; if the queue is gone, the next attempt is told so.
            failure = LeaderChanged(ReadAccount.Cancelled);
        }
        else if (read?.Stop == ReadStop.CameTwice)
        {
            (failure, _adapted) = (LeaderChanged(ReadAccount.Twice), true);
        }
        else if (ReadAccount.Replaced(read) is { } how)
        {
            failure = LeaderChanged(how);
        }

        ReadAccount account = new(plan, read, failure);
        // A depth that fell between attempts may be the application's doing, or a broker's that is not up yet: what is captured is not thrown away for less.
        bool isWhole = failure is null && account.IsToItsEnd && read!.Delivered >= _captured;
        await sink.CompleteAsync(isWhole, cancellationToken).ConfigureAwait(false);
        QueueEntry entry = Outcome(sink.Segments, sink.HasUnmatched, read, failure);
        _captured = read?.Stop == ReadStop.CameTwice ? _captured : Math.Max(_captured, entry.Messages);
        return (entry, failure, read?.Stop == ReadStop.OthersAtWork || (failure is null && SomeCameBack(read!, plan)));
    }

    private RabbitBackupException LeaderChanged(string how) => new(ErrorCode.QueueUnavailable, how) { Target = _name.ToString(), IsTransient = true };

    /// <summary>The node of a queue that may be mirrored, where the broker does not tell who fetches from it that it is another one now; else nothing.</summary>
    private async Task<string> LeaderAsync(ReadPlan plan, CancellationToken cancellationToken)
    {
        if (!plan.EndsOnFailover || plan.Method != QueueReadMethod.Get || !context.Plan.IsCluster)
        {
            return "";
        }

        return (await context.Management.GetQueueAsync(_name, cancellationToken).ConfigureAwait(false))?.Node ?? "";
    }

    /// <summary>
    /// To a queue that was deleted and to one whose node is down brokers give the same answer (404), or none; the management API tells them apart. One that was read a moment ago may be back soon, on its own node or another's.
    /// </summary>
    private async Task<RabbitBackupException> ExplainAsync(RabbitBackupException failure, CancellationToken cancellationToken)
    {
        if (failure.Code is not (ErrorCode.QueueNotFound or ErrorCode.OperationTimedOut))
        {
            return failure.Code != ErrorCode.QueueUnavailable ? failure : new(failure.Code, failure.Message, failure) { Target = failure.Target, IsTransient = _depth is not null, Hint = failure.Hint };
        }

        try
        {
            QueueInfo? listed = await context.Management.GetQueueAsync(_name, cancellationToken).ConfigureAwait(false);
            return listed is null || (failure.Code != ErrorCode.QueueNotFound && ReadSafetyRules.NotAvailable(listed, context.Plan.Version) is null) ? failure
                : new RabbitBackupException(ErrorCode.QueueUnavailable, $"The queue '{_name}' can't be read at the moment; its node is {listed.Node}, its state '{listed.State}'. {failure.Message}", failure)
                {
                    Target = failure.Target,
                    IsTransient = _depth is not null,
                    Hint = "See that its nodes are up, then run again.",
                };
        }
        catch (RabbitBackupException)
        {
            return failure;
        }
    }

    private QueueReadRequest NewRequest(ReadPlan plan)
    {
        _rescue = plan.ReleaseCounts
            ? new DeliveryLimitRescue(context.Broker, context.Plan.Version, _name, plan.LimitCanBeRaised || plan.DeliveryLimit is null, context.Time)
            : null;
        return new()
        {
            Queue = _name,
            Method = plan.Method,
            Release = plan.Release,
            ConsumerTimeout = plan.ConsumerTimeout,
            EndsOnFailover = plan.EndsOnFailover,
            Yields = plan.Yields,
            IsQuorum = queue.Type == QueueTypes.Quorum,
            Prefetch = Prefetch(),
            SizesUnknown = queue.MessageBytes == 0,
            PrefetchBytes = PrefetchBytes,
            MaxConsumers = Math.Min(plan.MaxConsumers, context.ConsumersPerChannel),
            ConsumersLimited = most => (context.ConsumersPerChannel, _adapted) = (most, true),
            MaxChannels = plan.MaxConsumers > 1 ? QueueReadRequest.DefaultMaxChannels : 1,
            MaxHold = plan.MaxHold,
            StopAtDeliveryCount = context.Options.Force && !plan.IsRepeated ? null : plan.StopAtDeliveryCount,
            DeliveryLimit = plan.ReleaseCounts ? plan.DeliveryLimit : null,
            CountsAcquisitions = plan.CountsAcquisitions,
            Rescue = _rescue,
            Rescued = outcome => _rescued = outcome,
            DepthKnown = depth =>
            {
                _depth = Math.Max(_depth ?? 0, depth);
                _broken.Begin();
            },
            ConsumersKnown = _consumers,
            IsBeingFilled = context.Options.Force ? null : cancel => context.Others.IsClaimedAsync(_name, cancel),
            MayComeBack = queue.Unacknowledged > 0,
            MayShrink = ReadSafetyRules.MayShrink(queue),
            HasPriorities = ReadSafetyRules.HasPriorities(queue, context.Plan.Version),
            StopSignal = context.StopSignal,
            Abort = context.Options.Abort,
            IsHeld = context.Plan.IsCluster ? _broken.IsHeldAsync : null,
            ExpectedDepth = Math.Max(_depth ?? 0, context.Journal.Segments(queue.VirtualHost, queue.Name).Sum(segment => segment.Entry.Records)),
        };
    }

    /// <summary>Few enough that they fit the broker's memory once more, and that at a limited rate no more are on their way than some seconds take.</summary>
    private ushort Prefetch()
    {
        const int Seconds = 5;
        long size = Math.Max(1, queue.MessageBytes / Math.Max(1, queue.Messages));
        long count = PrefetchBytes / size;
        count = Math.Min(count, (context.Options.MaxMessagesPerSecond ?? count) * Seconds);
        count = Math.Min(count, (context.Options.MaxBytesPerSecond ?? PrefetchBytes) * Seconds / size);
        return (ushort)Math.Clamp(count, 1, QueueReadRequest.MaxPrefetch);
    }

    internal QueueEntry Skipped(ErrorCode code, string reason) => NewEntry() with
    {
        Outcome = QueueOutcome.Skipped,
        DepthAtStart = queue.Messages,
        // The next backup's only way to know, if nobody uses the queue until then.
        HighestDeliveryCount = context.SafetyOptions.LastRead?.Invoke(_name)?.HighestDeliveryCount,
        ErrorCode = code.ToString(),
        Reason = reason,
        Gaps = queue.Messages == 0 ? [] : [new GapEntry(queue.Messages, "NotRead", "The queue was not read.")],
    };

    private QueueEntry NewEntry() => new()
    {
        VirtualHost = queue.VirtualHost,
        Name = queue.Name,
        Type = queue.Type,
        Durable = queue.Durable,
        AutoDelete = queue.AutoDelete,
        Exclusive = queue.Exclusive,
        Arguments = queue.Arguments,
        Policy = queue.Policy,
        UnacknowledgedAtStart = queue.Unacknowledged,
        Verdict = _decision.Verdict.ToString(),
        VerdictReasons = _decision.Reasons,
    };

    private QueueEntry Outcome(IReadOnlyList<SegmentEntry> segments, bool hasUnmatched, QueueReadResult? read, RabbitBackupException? failure)
    {
        Hint = failure?.Hint;
        long messages = segments.Sum(segment => segment.Records);
        bool isLess = _isLess = read is not null && read.Delivered < _captured && read.Stop is not (ReadStop.OthersAtWork or ReadStop.DeliveryLimit);
        long depth = Math.Max(Math.Max(_depth ?? 0, messages), read?.Depth ?? (_depth is null ? queue.Messages : 0));
        ReadAccount account = new(_plan ?? _decision.Plan!, read, failure);
        GapEntry? gap = isLess ? Less(depth - messages, read!) : account.Gap(depth - messages, hasUnmatched);
        IReadOnlyList<string> notes = account.Notes(_rescued, _rescue?.Refusal);
        Tell(notes);
        QueueOutcome outcome = (failure, gap, messages) switch
        {
            (null, null, _) => QueueOutcome.Captured,
            (not null, _, 0) => QueueOutcome.Failed,
            // Taken by consumers: the queue was read to its end; those messages live on with the application.
            (null, _, _) when account.IsToItsEnd && !isLess => QueueOutcome.Captured,
            _ => QueueOutcome.Incomplete,
        };
        return NewEntry() with
        {
            Outcome = outcome,
            DepthAtStart = depth,
            Messages = messages,
            Bytes = segments.Sum(segment => segment.UncompressedBytes),
            ReadBy = read is null ? "" : _decision.Plan!.Method.ToString().ToLowerInvariant(),
            ReleasedBy = read?.Released switch
            {
                null => "",
                QueueReleaseMethod.Nack => "nack",
                _ => "channel-close",
            },
            HighestDeliveryCount = read?.HighestDeliveryCount,
            ErrorCode = isLess ? gap!.Code : outcome == QueueOutcome.Incomplete ? account.Code.ToString() : failure?.Code.ToString(),
            Reason = failure?.Message ?? (outcome == QueueOutcome.Incomplete ? gap!.Reason : null),
            Gaps = gap is null ? [] : [gap],
            Notes = notes,
            Segments = segments,
        };
    }

    private GapEntry Less(long missing, QueueReadResult read) => new(
        missing > 0 ? missing : null,
        nameof(ErrorCode.BrokerConnectionLost),
        $"The read broke off when {_captured} message(s) had been read, and when the queue was read again it gave {read.Delivered}: consumers took the others, or the broker does not have them. What was read first was kept.");

    private void Tell(IReadOnlyList<string> notes)
    {
        foreach (string note in notes.Take(MaxWarnings))
        {
            context.Log.QueueNoted(_name.ToString(), note);
        }

        if (notes.Count > MaxWarnings)
        {
            context.Log.QueueNoted(_name.ToString(), $"{notes.Count - MaxWarnings} more notes are in the manifest.");
        }
    }
}
