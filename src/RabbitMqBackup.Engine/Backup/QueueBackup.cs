using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>Captures one queue, from the decision how to read it to its row in the manifest.</summary>
internal sealed class QueueBackup(CaptureContext context, QueueInfo queue, Action<SegmentEntry, QueueEntry> committed, Action<long, long> advanced)
{
    private readonly ReadDecision _decision = ReadSafety.Decide(queue, context.Plan.Version, context.SafetyOptions);

    /// <summary>
    /// Reads the queue. What goes wrong with the queue is in the entry that comes back; what goes wrong with the store is thrown, since no other queue would fare better.
    /// </summary>
    internal async Task<QueueEntry> RunAsync(CancellationToken cancellationToken)
    {
        // Before 4.3 every read costs each message one of its deliveries, and the last one costs the message. How many are left shows only when it is read: so not without -Force.
        bool spendsLives = _decision.Plan is { ReleaseCounts: true, DeliveryLimit: not null };
        bool isSafe = (_decision.Verdict != ReadVerdict.Unsafe && !spendsLives) || context.Options.Force;
        if (!isSafe || _decision.Plan is not { } plan)
        {
            return NewEntry() with
            {
                Outcome = QueueOutcome.Skipped,
                DepthAtStart = queue.Messages,
                ErrorCode = (_decision.SkipCode ?? ErrorCode.QueueAtRisk).ToString(),
                Reason = string.Join(" ", _decision.Reasons),
                Gaps = queue.Messages == 0 ? [] : [new GapEntry(queue.Messages, "NotRead", "The queue was not read.")],
            };
        }

        context.Journal.Begin(NewEntry());
        QueueEntry entry = NewEntry();
        try
        {
            entry = await context.BrokerRetry.RunAsync(
                async attempt =>
                {
                    (entry, RabbitBackupException? failure) = await AttemptAsync(plan, cancellationToken).ConfigureAwait(false);
                    if (failure is not { IsTransient: true } || spendsLives)
                    {
                        return entry;
                    }

                    context.Log.ReadRepeated(queue.ToString(), attempt, failure.Message);
                    throw failure;
                },
                cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (!exception.Code.IsStorage())
        {
            // Before the first attempt where the broker was found dead by other queues; else the entry has it, but for the number of attempts.
            entry = entry.ErrorCode is null
                ? Outcome([.. context.Journal.Segments(queue.VirtualHost, queue.Name).Select(segment => segment.Entry)], hasUnmatched: false, read: null, exception)
                : entry with { Reason = exception.Message };
        }

        context.Journal.Finish(entry);
        return entry;
    }

    /// <summary>Reads the queue from its head. What was captured before a failure is kept: half a queue in the backup is more than none, and the entry says that it is half.</summary>
    private async Task<(QueueEntry Entry, RabbitBackupException? Failure)> AttemptAsync(ReadPlan plan, CancellationToken cancellationToken)
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
        try
        {
            read = await new QueueReader(context.Broker, context.Time).ReadAsync(NewRequest(plan), sink, cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (!exception.Code.IsStorage())
        {
            failure = exception;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            using CancellationTokenSource limit = new(context.Options.StopTimeout, context.Time);
            await sink.CompleteAsync(isWhole: false, limit.Token).ConfigureAwait(false);
            throw;
        }

        bool isWhole = read is not null && (read.Stop == ReadStop.Drained || read.Delivered >= read.Depth);
        await sink.CompleteAsync(isWhole, cancellationToken).ConfigureAwait(false);
        return (Outcome(sink.Segments, sink.HasUnmatched, read, failure), failure);
    }

    private QueueReadRequest NewRequest(ReadPlan plan) => new()
    {
        Queue = new QueueName(queue.VirtualHost, queue.Name),
        Method = plan.Method,
        Release = plan.Release,
        ConsumerTimeout = plan.ConsumerTimeout,
        IsQuorum = queue.Type == "quorum",
        Abort = context.Options.Abort,
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
        long messages = segments.Sum(segment => segment.Records);
        long depth = read?.Depth ?? Math.Max(queue.Messages, messages);
        long missing = depth - messages;
        List<GapEntry> gaps = [];
        if (missing > 0)
        {
            gaps.Add(failure is not null
                ? new GapEntry(missing, failure.Code.ToString(), failure.Message)
                : new GapEntry(missing, read!.Stop.ToString(), GapReason(read.Stop)));
        }

        else if (hasUnmatched && failure is null)
        {
            gaps.Add(new GapEntry(null, read!.Stop.ToString(), $"{GapReason(read.Stop)} Segments of an earlier attempt beyond it were kept as they are."));
        }

        QueueOutcome outcome = (failure, gaps.Count, messages) switch
        {
            (null, 0, _) => QueueOutcome.Captured,
            (not null, _, 0) => QueueOutcome.Failed,
            // Taken by consumers: the queue was read to its end; those messages live on with the application.
            (null, _, _) when read!.Stop == ReadStop.Drained => QueueOutcome.Captured,
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
            ErrorCode = failure?.Code.ToString(),
            Reason = failure?.Message,
            Gaps = gaps,
            Segments = segments,
        };
    }

    private static string GapReason(ReadStop stop) => stop switch
    {
        ReadStop.Drained => "Consumers of the application took these messages while the queue was read.",
        ReadStop.CapacityReached => "The queue is deeper than one reader can hold without losing its order.",
        ReadStop.Stalled => "Messages are ready, but the broker delivers none of them: another consumer is the single active one.",
        ReadStop.ConsumerCancelled => "The broker cancelled the reader, as when a queue is deleted or its leader changes.",
        _ => "The read ended before the depth at its start.",
    };
}
