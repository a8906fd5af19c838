using System.Collections.Concurrent;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Format;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>One run of a restore: virtual hosts, then queues side by side.</summary>
internal sealed class RestoreRun : IRestoreQueueEvents
{
    private readonly RestorePlan _plan;
    private readonly IRestoreEvents _events;
    private readonly IEngineLog _log;
    private readonly TimeProvider _time;
    private readonly EventGate _gate = new();
    private readonly ProgressMeter _meter;
    private readonly BlockPool _pool = new();
    private readonly PublishPace? _pace;
    private readonly ConcurrentQueue<(SourceQueue Source, IReadOnlyList<long> Ordinals)> _rejected = [];

    internal RestoreRun(RestorePlan plan, IRestoreEvents events, IEngineLog log, TimeProvider time)
    {
        _plan = plan;
        _events = events;
        _log = log;
        _time = time;
        _pace = PublishPace.Of(plan.Options, time);
        _meter = new ProgressMeter("Restoring", plan.Queues.Sum(queue => queue.Messages), plan.Queues.Count, time, progress => _gate.Tell(events.OnProgress, progress));
    }

    internal async Task<RestoreResult> RunAsync(CancellationToken cancellationToken)
    {
        long started = _time.GetTimestamp();
        await CreateVirtualHostsAsync(cancellationToken).ConfigureAwait(false);
        RestoreQueueResult[] results = new RestoreQueueResult[_plan.Queues.Count];
        ParallelOptions parallel = new() { MaxDegreeOfParallelism = _plan.Options.MaxConcurrentQueues, CancellationToken = cancellationToken };
        // Rows that go into the same queue follow one another, in the order of the plan.
        IEnumerable<IGrouping<QueueName, int>> targets = Enumerable.Range(0, results.Length)
            .GroupBy(index => new QueueName(_plan.Queues[index].TargetVirtualHost, _plan.Queues[index].TargetQueue));
        await Parallel.ForEachAsync(targets, parallel, async (target, stop) =>
        {
            foreach (int index in target)
            {
                RestorePlanQueue row = _plan.Queues[index];
                results[index] = await RestoreQueueAsync(row, stop).ConfigureAwait(false);
                _meter.QueueDone(row.TargetQueue);
            }
        }).ConfigureAwait(false);

        string? rejected = await KeepRejectedAsync(cancellationToken).ConfigureAwait(false);
        return new RestoreResult
        {
            BackupId = string.Join(", ", _plan.Queues.Select(queue => queue.Source.BackupId).Distinct()),
            Target = _plan.Target,
            IsComplete = results.All(result => result.ErrorCode is null),
            Duration = _time.GetElapsedTime(started),
            RejectedBackupId = rejected,
            Queues = results,
        };
    }

    /// <inheritdoc/>
    public void OnPublished(RestorePlanQueue queue, long messages, long bytes) => _meter.Add(queue.TargetQueue, messages, bytes);

    /// <inheritdoc/>
    public void OnDamagedSegment(RestorePlanQueue queue, RabbitBackupException damage) => _gate.Tell(_events.OnFailure, damage);

    /// <inheritdoc/>
    public void OnBlocked(RestorePlanQueue queue, string? reason) => _log.PublishersBlocked(queue.TargetQueue, reason);

    /// <inheritdoc/>
    public void OnReconnecting(RestorePlanQueue queue, RabbitBackupException reason, int unconfirmed) => _log.RestoreReconnects(queue.TargetQueue, reason.Message, unconfirmed);

    private async Task<RestoreQueueResult> RestoreQueueAsync(RestorePlanQueue row, CancellationToken cancellationToken)
    {
        RestoreQueueResult untouched = new()
        {
            SourceVirtualHost = row.VirtualHost,
            SourceQueue = row.Queue,
            VirtualHost = row.TargetVirtualHost,
            Queue = row.TargetQueue,
            Requested = row.Messages,
        };
        if (row.IsSkipped)
        {
            return untouched with { Requested = 0, Reason = row.Notes[^1] };
        }

        RestoreQueueResult result = row.Conflicts.Count > 0
            ? untouched with { ErrorCode = row.ConflictCode.ToString(), Reason = string.Join(" ", row.Conflicts) }
            : row.Type == QueueTypes.Stream && row.TargetType == QueueTypes.Stream
                ? await new StreamRestore(_plan.Options, row, _pool, _time, this).RunAsync(cancellationToken).ConfigureAwait(false)
                : await RestoreIntoQueueAsync(row, cancellationToken).ConfigureAwait(false);
        if (result.ErrorCode is { } code && !SourceCursor.IsDamage(Enum.Parse<ErrorCode>(code)))
        {
            // Damaged segments were told one by one when they were met.
            _gate.Tell(_events.OnFailure, new RabbitBackupException(Enum.Parse<ErrorCode>(code), $"Queue '{row.TargetQueue}' in virtual host '{row.TargetVirtualHost}': {result.Reason}")
            {
                Target = $"{row.TargetVirtualHost}/{row.TargetQueue}",
            });
        }

        return result;
    }

    private async Task<RestoreQueueResult> RestoreIntoQueueAsync(RestorePlanQueue row, CancellationToken cancellationToken)
    {
        QueueRestore restore = new(_plan, row, _pace, _pool, _time, this);
        RestoreQueueResult result = await restore.RunAsync(cancellationToken).ConfigureAwait(false);
        if (restore.Refused is { Count: > 0 } refused)
        {
            _rejected.Enqueue((row.Source, refused));
        }

        return result;
    }

    /// <summary>Puts aside what the target did not take, where that was asked for. If it can't be, that is told: the counts are right all the same.</summary>
    private async Task<string?> KeepRejectedAsync(CancellationToken cancellationToken)
    {
        if (_plan.Options.RejectedStore is not { } store || _rejected.IsEmpty)
        {
            return null;
        }

        try
        {
            return await new RejectedBackup(store, _pool, _time).WriteAsync([.. _rejected], cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception)
        {
            _gate.Tell(_events.OnFailure, new RabbitBackupException(exception.Code, $"The messages that the target did not take could not be kept: {exception.Message}", exception)
            {
                Target = exception.Target,
                Hint = exception.Hint,
            });
            return null;
        }
    }

    private async Task CreateVirtualHostsAsync(CancellationToken cancellationToken)
    {
        string[] missing = [.. _plan.Queues.Where(queue => queue.CreatesVirtualHost).Select(queue => queue.TargetVirtualHost).Distinct()];
        if (missing.Length == 0)
        {
            return;
        }

        using ManagementClient management = new(_plan.Options.Broker);
        foreach (string name in missing)
        {
            await management.CreateVirtualHostAsync(name, cancellationToken).ConfigureAwait(false);
            await management.GrantAsync(name, _plan.Options.Broker.Credential.UserName, cancellationToken).ConfigureAwait(false);
        }
    }
}
