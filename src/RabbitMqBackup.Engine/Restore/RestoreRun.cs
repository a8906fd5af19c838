using System.Collections.Concurrent;
using System.Globalization;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Definitions;
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
    private readonly RestoreClaims _claims;
    private RestoreJournal? _journal;
    private RestoreRecord? _record;
    private readonly QueueDeclares _declares;
    private readonly List<ImportItem> _definitions = [];
    private int _notThrough;
    private int _begun;
    private readonly ConcurrentQueue<(SourceQueue Source, IReadOnlyList<long> Ordinals)> _rejected = [];

    internal RestoreRun(RestorePlan plan, IRestoreEvents events, IEngineLog log, TimeProvider time)
    {
        _plan = plan;
        _events = events;
        _log = log;
        _time = time;
        _pace = PublishPace.Of(plan.Options, time);
        _declares = new QueueDeclares(plan.Options.Broker, time);
        _claims = new RestoreClaims(plan.Options.Broker, log, time);
        _meter = new ProgressMeter("Restoring", plan.Queues.Sum(queue => queue.Messages), plan.Queues.Count, time, progress => _gate.Tell(events.OnProgress, progress));
    }

    internal async Task<RestoreResult> RunAsync(CancellationToken cancellationToken)
    {
        long started = _time.GetTimestamp();
        using RestoreJournal? journal = _journal = OpenJournal();
        await using RestoreClaims claims = _claims;
        _record = await KeepAsync(cancellationToken).ConfigureAwait(false);
        await CreateVirtualHostsAsync(cancellationToken).ConfigureAwait(false);
        await _declares.RunAsync(_plan.Queues, cancellationToken).ConfigureAwait(false);
        await ImportAsync(false, cancellationToken).ConfigureAwait(false);
        await _declares.SettleAsync(cancellationToken).ConfigureAwait(false);
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

        await ImportAsync(true, cancellationToken).ConfigureAwait(false);
        if (_notThrough == 0 || _begun == 0)
        {
            journal?.Delete();
        }

        string? rejected = await KeepRejectedAsync(cancellationToken).ConfigureAwait(false);
        return new RestoreResult
        {
            BackupId = string.Join(", ", _plan.Queues.Select(queue => queue.Source.BackupId).Distinct()),
            Target = _plan.Target,
            IsComplete = results.All(result => result.ErrorCode is null) && _definitions.TrueForAll(item => item.ToException() is null),
            RestoreId = LeaveToOthers(results)?.RestoreId,
            Definitions = _definitions,
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
            : _declares.RefusalOf(row) is { } refusal ? untouched with { ErrorCode = refusal.Code.ToString(), Reason = refusal.Message }
            : !await _claims.TakeAsync(new(row.TargetVirtualHost, row.TargetQueue), cancellationToken).ConfigureAwait(false) ? untouched with { ErrorCode = nameof(ErrorCode.QueueInUse), Reason = InUse(), IsAnothers = true }
            : StreamRestore.CanRestore(row)
                ? await RestoreStreamAsync(row, cancellationToken).ConfigureAwait(false)
                : await RestoreIntoQueueAsync(row, cancellationToken).ConfigureAwait(false);
        if (result.ErrorCode is not null && (row.Conflicts.Count > 0 || _declares.RefusalOf(row) is not null || result.IsAnothers || StreamRestore.CanRestore(row)))
        {
            // Those that are through must not be in the way of another run that mends this one.
            Interlocked.Increment(ref _notThrough);
        }

        // Damaged segments were told one by one when they were met.
        bool isTold = result.ErrorCode is { } met && SourceCursor.IsDamage(Enum.Parse<ErrorCode>(met));
        if (result.ErrorCode is null && result.Confirmed + result.Expired < result.Requested)
        {
            result = result with
            {
                ErrorCode = nameof(ErrorCode.BackupIncomplete),
                Reason = $"{result.Confirmed + result.Expired} message(s) are there, and the manifest promises {result.Requested}: what is missing could not be read from the backup, now or in an earlier run.",
            };
        }

        if (result is { ErrorCode: null, Reason: null } && row.Limits.Count > 0)
        {
            // Confirmed is not the same as there: what the queue's limits do with the messages is told also where nobody looked at the plan.
            result = result with { Reason = string.Join(" ", row.Limits) };
        }

        if (result.ErrorCode is { } code && !isTold)
        {
            _gate.Tell(_events.OnFailure, new RabbitBackupException(Enum.Parse<ErrorCode>(code), $"Queue '{row.TargetQueue}' in virtual host '{row.TargetVirtualHost}': {result.Reason}")
            {
                Target = $"{row.TargetVirtualHost}/{row.TargetQueue}",
            });
        }

        return result;
    }

    private string InUse() => string.Create(
        CultureInfo.InvariantCulture, $"Another restore fills it. Of one whose connection broke off the broker may not know yet: that takes it up to {3 * _plan.Options.Broker.Heartbeat.TotalSeconds:0} s (three heartbeats). Run this one again then.");

    /// <summary>A journal that can't be had at its usual place costs the chance to resume, not the restore; at a place that was asked for, and one that is to be resumed, it must be.</summary>
    private RestoreJournal? OpenJournal()
    {
        if (_plan.Journal is not { } file)
        {
            return null;
        }

        try
        {
            return RestoreJournal.Open(file, _plan.Options, _time.GetUtcNow());
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.CheckpointUnavailable && _plan.Options is { Resume: false, CheckpointPath: null })
        {
            _log.RestoreWithoutJournal(exception.Message);
            return null;
        }
    }

    /// <summary>By the stream protocol; where its port can't be reached, as messages of a queue, which then are what AMQP 0-9-1 makes of them.</summary>
    private async Task<RestoreQueueResult> RestoreStreamAsync(RestorePlanQueue row, CancellationToken cancellationToken)
    {
        StreamRestore restore = new(_plan.Options, row, _declares.HasMade(row), _pace, _pool, _time, this);
        RestoreQueueResult result = await restore.RunAsync(cancellationToken).ConfigureAwait(false);
        if (result.ErrorCode != nameof(ErrorCode.BrokerUnreachable) || !restore.NeverConnected)
        {
            return result;
        }

        RestoreQueueResult converted = await RestoreIntoQueueAsync(row, cancellationToken).ConfigureAwait(false);
        return converted with
        {
            WentOverAmqp = true,
            Reason = converted.Reason ?? "The stream port could not be reached: the messages went through AMQP 0-9-1, one by one, without what that has no place for. To run this restore again would put them there twice.",
        };
    }

    private async Task<RestoreQueueResult> RestoreIntoQueueAsync(RestorePlanQueue row, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _begun);
        QueueRestore restore = new(_plan, row, _pace, _journal, _pool, _time, this);
        RestoreQueueResult result = await restore.RunAsync(cancellationToken).ConfigureAwait(false);
        if (!restore.IsThrough)
        {
            Interlocked.Increment(ref _notThrough);
        }

        if (restore.Refused is { Count: > 0 } refused)
        {
            _rejected.Enqueue((row.Source, refused));
        }

        return result with { Declared = _declares.HasMade(row) };
    }

    /// <summary>Writes down what will be created, before anything is. A restore into what is there, and a trial, have nothing to take back.</summary>
    private async Task<RestoreRecord?> KeepAsync(CancellationToken cancellationToken)
    {
        if (_plan.Options.Scratch is not null)
        {
            return null;
        }

        RestoreRecord? record = RestoreRecord.Of(_plan, Catalog.BackupId.New(_time), _time.GetUtcNow());
        bool isResumed = _journal?.RestoreId is { Length: > 0 };
        try
        {
            if ((isResumed ? _journal!.RestoreId : _plan.Options.RestoreId) is { } earlier)
            {
                record = RestoreRecord.Read(_plan.Options.CheckpointPath, earlier).With(_plan, record, isResumed);
            }
            else if (record is null)
            {
                return null;
            }
            else if (record.Import is null)
            {
                record = record with { Snapshot = await SnapshotAsync(cancellationToken).ConfigureAwait(false) };
            }

            record.Write(_plan.Options.CheckpointPath);
            if (_journal is not null)
            {
                _journal.RestoreId = record.RestoreId;
            }

            return record;
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.ObjectNotFound
            || (exception.Code is ErrorCode.CheckpointUnavailable or ErrorCode.CheckpointDamaged && _plan.Options.CheckpointPath is null))
        {
            _log.RestoreWithoutRecord(exception.Message);
            return null;
        }
    }

    /// <summary>What somebody else made between plan and run, or another restore fills, is not this one's to take back.</summary>
    private RestoreRecord? LeaveToOthers(RestoreQueueResult[] results)
    {
        HashSet<(string, string)> others = [.. _plan.Queues
            .Where((row, index) => row.Declares && row.Conflicts.Count == 0 && !row.IsSkipped && _declares.RefusalOf(row) is null && (results[index].IsAnothers || !_declares.HasMade(row)))
            .Select(row => (row.TargetVirtualHost, row.TargetQueue))];
        if (_record is null || others.Count == 0)
        {
            return _record;
        }

        try
        {
            RestoreRecord own = _record with { Queues = [.. _record.Queues.Where(queue => !others.Contains((queue.VirtualHost, queue.Name)))] };
            if (own.IsEmpty)
            {
                RestoreRecord.Delete(_plan.Options.CheckpointPath, own.RestoreId);
                return null;
            }

            own.Write(_plan.Options.CheckpointPath);
            return own;
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.CheckpointUnavailable)
        {
            _log.RestoreWithoutRecord(exception.Message);
            return _record;
        }
    }

    /// <summary>The target's definitions; null for a user who may not see them.</summary>
    private async Task<string?> SnapshotAsync(CancellationToken cancellationToken)
    {
        using ManagementClient management = new(_plan.Options.Broker);
        ManagementUser user = await management.WhoAmIAsync(cancellationToken).ConfigureAwait(false);
        return user.IsAdministrator && await management.GetDefinitionsAsync(null, cancellationToken).ConfigureAwait(false) is { } json ? System.Text.Encoding.UTF8.GetString(json) : null;
    }

    /// <summary>Creates definitions: before the messages all but what moves messages, and that afterwards. Bindings need their queues, which are declared by then.</summary>
    private async Task ImportAsync(bool movers, CancellationToken cancellationToken)
    {
        if (_plan.Definitions is not { } definitions || definitions.Items.Where(item => RestoreDefinitions.MovesMessages(item.Definition) == movers).ToList() is not { Count: > 0 } items)
        {
            return;
        }

        ImportReport report = await new DefinitionsImporter(_log).ExecuteAsync(definitions with { Items = items }, null, cancellationToken).ConfigureAwait(false);
        _definitions.AddRange(report.Items);
        foreach (RabbitBackupException failure in report.Items.Select(item => item.ToException()).OfType<RabbitBackupException>())
        {
            _gate.Tell(_events.OnFailure, failure);
        }
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
