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
        TargetCluster target = await TargetCluster.LookAsync(options, management, cancellationToken).ConfigureAwait(false);
        return await new RestorePlanner(options, target).PlanAsync(cancellationToken).ConfigureAwait(false);
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

        CheckSelection(options);
        Check(options.ConfirmWindow is >= 1 and <= 65_535, options.ConfirmWindow, "ConfirmWindow must be from 1 to 65535.");
        Check(options.ConfirmWindowBytes >= 1, options.ConfirmWindowBytes, "ConfirmWindowBytes must be at least 1.");
        Check(options.MaxConcurrentQueues is >= 1 and <= 64, options.MaxConcurrentQueues, "MaxConcurrentQueues must be from 1 to 64.");
        Check(options.MaxMessagesPerSecond is null or >= 1, options.MaxMessagesPerSecond, "MaxMessagesPerSecond must be at least 1.");
        Check(options.MaxBytesPerSecond is null or >= 1, options.MaxBytesPerSecond, "MaxBytesPerSecond must be at least 1.");
        Check(options.RetryTimeout >= TimeSpan.Zero, options.RetryTimeout, "RetryTimeout can't be negative.");
        Check(options.QueueType is null or QueueTypes.Classic or QueueTypes.Quorum or QueueTypes.Stream, options.QueueType, "QueueType must be classic, quorum or stream.");
    }

    private static void CheckSelection(RestoreOptions options)
    {
        Check(options.First is null or >= 1, options.First, "First must be at least 1.");
        Check(options.Last is null or >= 1, options.Last, "Last must be at least 1.");
        Check(options.First is null || options.Last is null, options.Last, "Give First or Last, not both.");
        Check(options.After is null || options.Before is null || options.After < options.Before, options.Before, "Before must be later than After: nothing lies between them.");
        Check(options.FromOffset is null or >= 0, options.FromOffset, "FromOffset can't be negative.");
        Check(options.ToOffset is null || options.ToOffset >= (options.FromOffset ?? 0), options.ToOffset, "ToOffset must not be less than FromOffset, or negative.");
        Check((options.First ?? options.Last) is null || options.Messages.Count == 0, options.First ?? options.Last, "First and Last select from backups and segments; of single messages take those you want.");
        if (!options.ExchangeMap.IsEmpty && options.PublishMode == PublishMode.Queue)
        {
            throw new ArgumentException("An ExchangeMap has an effect only with PublishMode Exchange: straight into the queue, no exchange is used.", nameof(options));
        }
    }

    private static void Check(bool holds, object? value, string otherwise)
    {
        if (!holds)
        {
            throw new ArgumentOutOfRangeException("options", value, otherwise);
        }
    }
}
