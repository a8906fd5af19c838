using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>Restores backups, segments or messages: plan first, then execute.</summary>
/// <param name="log">Where log lines go; null for nowhere.</param>
/// <param name="time">The clock; null for the system's.</param>
public sealed class RestoreEngine(IEngineLog? log = null, TimeProvider? time = null)
{
    private readonly IEngineLog _log = log ?? LogMessages.Silent.Instance;
    private readonly TimeProvider _time = time ?? TimeProvider.System;

    /// <summary>Looks at the backup and the target, and decides. Changes nothing.</summary>
    /// <exception cref="ArgumentException">An option is out of its range, or there is not exactly one kind of source.</exception>
    /// <exception cref="RabbitBackupException">The broker can't be used.</exception>
    public async Task<RestorePlan> PlanAsync(RestoreOptions options, CancellationToken cancellationToken)
    {
        Check(options);
        await BrokerCheck.ConnectAsync(options.Broker, _time, cancellationToken).ConfigureAwait(false);
        using ManagementClient management = new(options.Broker);
        return await new RestorePlanner(options, management).PlanAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Does what the plan says. What goes wrong with one queue is told as an event and in the result; the others go on.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.BackupInUse"/>: the backup is being removed.</exception>
    public Task<RestoreResult> ExecuteAsync(RestorePlan plan, IRestoreEvents events, CancellationToken cancellationToken) =>
        LeasedBackups.ReadAsync(
            plan.Queues.Where(queue => queue.Source.Store is not null).Select(queue => (queue.Source.Store!, queue.Source.BackupId)),
            LeasePurpose.Restore,
            new LeaseOptions { BreakStale = plan.Options.BreakStaleLease },
            _log,
            _time,
            token => new RestoreRun(plan, events, _log, _time).RunAsync(token),
            cancellationToken);

    private static void Check(RestoreOptions options)
    {
        int kinds = (options.Manifest is null ? 0 : 1) + (options.Segments.Count > 0 ? 1 : 0) + (options.Messages.Count > 0 ? 1 : 0);
        if (kinds != 1)
        {
            throw new ArgumentException("Give one kind of source: a backup, segments, or messages.", nameof(options));
        }

        if (options.Manifest is { Status: BackupStatus.InProgress } unfinished)
        {
            throw new RabbitBackupException(ErrorCode.BackupIncomplete, $"The backup '{unfinished.BackupId}' has no manifest: it is still running, or ended before its end.")
            {
                Target = unfinished.BackupId,
                Hint = "Restore another backup, or wait for this one.",
            };
        }

        if (options.ConfirmWindow is < 1 or > 65_535)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.ConfirmWindow, "ConfirmWindow must be from 1 to 65535.");
        }

        if (options.MaxConcurrentQueues is < 1 or > 64)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.MaxConcurrentQueues, "MaxConcurrentQueues must be from 1 to 64.");
        }
    }
}
