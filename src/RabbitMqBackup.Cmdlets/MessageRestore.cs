using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;

namespace RabbitMqBackup.Cmdlets;

/// <summary>
/// One restore made of many batches of messages. It remembers which queues an earlier batch has begun, so that the rule for targets that are not empty
/// is applied to what was there before the restore and not to what the restore put there, and adds the results up.
/// </summary>
internal sealed class MessageRestore
{
    private readonly HashSet<QueueName> _begun = [];
    private readonly HashSet<QueueName> _refused = [];
    private readonly Dictionary<QueueName, RestorePlanQueue> _planned = [];
    private readonly Dictionary<QueueName, RestoreQueueResult> _results = [];
    private readonly SortedSet<string> _backups = new(StringComparer.Ordinal);
    private string _target = "";
    private readonly List<string> _rejected = [];
    private string? _restoreId;
    private TimeSpan _duration;

    /// <summary>What was planned so far, one row per queue.</summary>
    internal IEnumerable<RestorePlanQueue> Planned => _planned.Values;

    /// <summary>What was done so far, or null when nothing was.</summary>
    internal RestoreResult? Result => _target.Length == 0 ? null : new RestoreResult
    {
        BackupId = string.Join(", ", _backups),
        Target = _target,
        IsComplete = _results.Values.All(row => row.ErrorCode is null),
        Duration = _duration,
        RestoreId = _restoreId,
        RejectedBackupId = _rejected.Count == 0 ? null : string.Join(", ", _rejected),
        Queues = [.. _results.Values],
    };

    /// <summary>The runs that a batch takes: one for queues that are new, by the user's rule, and one for queues that were begun, which go on.</summary>
    internal IEnumerable<RestoreOptions> Runs(RestoreOptions options, IReadOnlyList<BackupMessage> batch)
    {
        List<BackupMessage> first = [];
        List<BackupMessage> more = [];
        foreach (BackupMessage message in batch)
        {
            QueueName source = new(message.VirtualHost, message.Queue);
            if (_refused.Contains(source))
            {
                CountRefused(source);
            }
            else
            {
                (_begun.Contains(source) ? more : first).Add(message);
            }
        }

        if (first.Count > 0)
        {
            yield return options with { Messages = first, RestoreId = _restoreId };
        }

        if (more.Count > 0)
        {
            yield return options with { Messages = more, RestoreId = _restoreId, IfNotEmpty = NonEmptyTarget.Append };
        }
    }

    /// <summary>Takes note of a batch's plan.</summary>
    internal void Add(RestorePlan plan)
    {
        foreach (RestorePlanQueue row in plan.Queues)
        {
            QueueName source = new(row.VirtualHost, row.Queue);
            (row.IsSkipped || row.Conflicts.Count > 0 ? _refused : _begun).Add(source);
            _planned[source] = _planned.TryGetValue(source, out RestorePlanQueue? before)
                ? before with { Messages = before.Messages + row.Messages, Bytes = before.Bytes + row.Bytes }
                : row;
        }
    }

    /// <summary>Takes note of a batch's result.</summary>
    internal void Add(RestoreResult result)
    {
        _target = result.Target;
        _duration += result.Duration;
        _restoreId ??= result.RestoreId;
        if (result.RejectedBackupId is { } rejected)
        {
            _rejected.Add(rejected);
        }

        _backups.UnionWith(result.BackupId.Split(", ", StringSplitOptions.RemoveEmptyEntries));
        foreach (RestoreQueueResult row in result.Queues)
        {
            QueueName source = new(row.SourceVirtualHost, row.SourceQueue);
            _results[source] = _results.TryGetValue(source, out RestoreQueueResult? before) ? Sum(before, row) : row;
        }
    }

    /// <summary>A message for a queue that an earlier batch could not restore: the result tells of it, if that was an error.</summary>
    private void CountRefused(QueueName source)
    {
        RestorePlanQueue plan = _planned[source];
        _planned[source] = plan with { Messages = plan.Messages + 1 };
        if (_results.TryGetValue(source, out RestoreQueueResult? row) && row.ErrorCode is not null)
        {
            _results[source] = row with { Requested = row.Requested + 1 };
        }
    }

    private static RestoreQueueResult Sum(RestoreQueueResult one, RestoreQueueResult other) => one with
    {
        Requested = one.Requested + other.Requested,
        Confirmed = one.Confirmed + other.Confirmed,
        Returned = one.Returned + other.Returned,
        Rejected = one.Rejected + other.Rejected,
        Unconfirmed = one.Unconfirmed + other.Unconfirmed,
        Declared = one.Declared || other.Declared,
        Expired = one.Expired + other.Expired,
        PossibleDuplicates = one.PossibleDuplicates + other.PossibleDuplicates,
        Samples = [.. one.Samples, .. other.Samples],
        UserIdsRemoved = one.UserIdsRemoved + other.UserIdsRemoved,
        ErrorCode = one.ErrorCode ?? other.ErrorCode,
        Reason = one.Reason ?? other.Reason,
    };
}
