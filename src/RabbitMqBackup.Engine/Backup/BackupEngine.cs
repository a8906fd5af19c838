using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>Backs up the queues and definitions of a running cluster: plan first, then execute.</summary>
/// <param name="log">Where log lines go; null for nowhere.</param>
/// <param name="time">The clock; null for the system's.</param>
public sealed class BackupEngine(IEngineLog? log = null, TimeProvider? time = null)
{
    private readonly IEngineLog _log = log ?? LogMessages.Silent.Instance;
    private readonly TimeProvider _time = time ?? TimeProvider.System;

    /// <summary>Looks at the broker and the store, and decides. Changes nothing.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="RabbitBackupException">The broker or the store can't be used, a named queue is not there, or the id exists.</exception>
    public async Task<BackupPlan> PlanAsync(BackupOptions options, CancellationToken cancellationToken)
    {
        Check(options);
        string id = options.BackupId ?? BackupId.New(_time);
        ResumeState? resumed = await FindEarlierAsync(options, id, cancellationToken).ConfigureAwait(false);
        options = resumed?.Apply(options) ?? options;

        await BrokerCheck.ConnectAsync(options.Broker, _time, cancellationToken).ConfigureAwait(false);
        using ManagementClient management = new(options.Broker);
        ClusterOverview overview = await management.GetOverviewAsync(cancellationToken).ConfigureAwait(false);
        resumed?.CheckCluster(overview.ClusterName, id);
        IncrementalBase? incrementalBase = await IncrementalBase.FindAsync(options, overview.ClusterName, cancellationToken).ConfigureAwait(false);
        List<QueueInfo> queues = [];
        QueueSelection selection = options.Continuous ? options.Selection with { Types = [QueueTypes.Stream] } : options.Selection;
        ReadSafetyOptions safety = new() { DeliveryLimitReserve = options.DeliveryLimitReserve, MaxHold = options.MaxHoldTime };
        await foreach (QueueInfo queue in QueueListing.ListAsync(management, selection, safety, SkipKnown(resumed), cancellationToken).ConfigureAwait(false))
        {
            queues.Add(queue);
        }

        LastReads? history = await LastReads.FindAsync(options.Store, overview.ClusterName, queues, cancellationToken).ConfigureAwait(false);
        if (history is not null)
        {
            safety = safety with { LastRead = history.Find };
            queues = [.. queues.Select(queue => QueueListing.WithVerdict(queue, overview.Version, safety))];
        }

        return new BackupPlan
        {
            Options = options,
            BackupId = id,
            ClusterName = overview.ClusterName,
            RabbitMqVersion = overview.RabbitMqVersion,
            Version = overview.Version,
            IsCluster = overview.Listeners.DistinctBy(listener => listener.Node).Skip(1).Any(),
            Base = incrementalBase,
            Queues = queues,
            SafetyOptions = safety,
        };
    }

    /// <summary>Does what the plan says. The manifest is the last thing written; its status is partial when anything failed.</summary>
    /// <exception cref="RabbitBackupException">The store failed; there is no manifest then, so no backup.</exception>
    public Task<BackupManifest> ExecuteAsync(BackupPlan plan, IBackupEvents events, CancellationToken cancellationToken) =>
        new BackupRun(plan, events, _log, _time).RunAsync(cancellationToken);

    /// <summary>Refuses what can't be begun, or resumed; for a run that is resumed, what the earlier one was to do, where that is known.</summary>
    private async Task<ResumeState?> FindEarlierAsync(BackupOptions options, string id, CancellationToken cancellationToken)
    {
        await using BackupCatalog catalog = new(options.Store);
        await catalog.RefuseExistingAsync(id, cancellationToken).ConfigureAwait(false);
        JournalOpening opening = new(catalog, options, id, _log, _time);
        bool isBegun = JournalOpening.IsBegun(await opening.ObjectsAsync(cancellationToken).ConfigureAwait(false));
        if (options.Resume)
        {
            return await opening.PeekAsync(cancellationToken).ConfigureAwait(false) is { } state ? state
                : isBegun ? null
                : throw Refusal(ErrorCode.BackupNotFound, id, $"There is no unfinished backup '{id}' in {options.Store}.", "Get-RabbitBackup -IncludeIncomplete lists them.");
        }

        return isBegun
            ? throw Refusal(ErrorCode.BackupExists, id, $"The backup '{id}' in {options.Store} was begun and is not finished.", "Go on with it with -Resume, remove it, or choose another -BackupId.")
            : null;
    }

    private static RabbitBackupException Refusal(ErrorCode code, string id, string message, string hint) => new(code, message) { Target = id, Hint = hint };

    /// <summary>A queue that was begun and is gone meanwhile has its place in the manifest; that it is missing ends nothing.</summary>
    private static Action<RabbitBackupException>? SkipKnown(ResumeState? resumed) => resumed is null
        ? null
        : problem => _ = problem.Code == ErrorCode.QueueNotFound && problem.Target is { } name && resumed.Known.Contains(name) ? problem : throw problem;

    private static void Check(BackupOptions options)
    {
        InRange(options.SegmentBytes, 64 << 10, 1 << 30, nameof(options.SegmentBytes));
        InRange(options.MaxConcurrentQueues, 1, 64, nameof(options.MaxConcurrentQueues));
        InRange(options.SegmentInterval, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1), nameof(options.SegmentInterval));
        InRange(options.DeliveryLimitReserve ?? 0, 0, 1_000_000, nameof(options.DeliveryLimitReserve));
        InRange(options.MaxHoldTime ?? TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1), TimeSpan.FromDays(365), nameof(options.MaxHoldTime));
        InRange(options.MaxMessagesPerSecond ?? 1, 1, int.MaxValue, nameof(options.MaxMessagesPerSecond));
        InRange(options.MaxBytesPerSecond ?? 1024, 1024, long.MaxValue, nameof(options.MaxBytesPerSecond));
        InRange(options.CheckpointInterval, TimeSpan.Zero, TimeSpan.FromDays(1), nameof(options.CheckpointInterval));
        InRange(options.StopTimeout, TimeSpan.Zero, TimeSpan.FromHours(1), nameof(options.StopTimeout));
        InRange(options.Retry.MaxAttempts, 1, 1000, nameof(options.Retry));
        if (options.Duration is { } duration)
        {
            InRange(duration.Ticks, TimeSpan.TicksPerSecond, TimeSpan.MaxValue.Ticks, nameof(options.Duration));
        }

        if (options.Continuous && options.Selection.Types.Any(type => type != QueueTypes.Stream))
        {
            throw new ArgumentException("Only streams can be followed: with Continuous, no other type of queue can be asked for.", nameof(options));
        }

        if (!options.Continuous && options.Duration is not null)
        {
            throw new ArgumentException("A Duration has an effect only with Continuous.", nameof(options));
        }

        if (options.BackupId is { } id)
        {
            BackupId.Check(id);
        }
        else if (options.Resume)
        {
            throw new ArgumentException("-Resume goes on with a backup that was begun: say which with -BackupId.", nameof(options.BackupId));
        }

        if (options.BasedOn is { } basedOn)
        {
            BackupId.Check(basedOn);
        }
    }

    private static void InRange<T>(T value, T from, T to, string name)
        where T : IComparable<T>
    {
        if (value.CompareTo(from) < 0 || value.CompareTo(to) > 0)
        {
            throw new ArgumentOutOfRangeException(name, value, $"{name} must be from {from} to {to}.");
        }
    }
}
