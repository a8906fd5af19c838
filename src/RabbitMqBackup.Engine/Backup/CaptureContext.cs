using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>What all queues of one running backup share.</summary>
internal sealed class CaptureContext(BackupPlan plan, BackupCatalog catalog, BackupJournal journal, IEngineLog log, TimeProvider time) : IDisposable
{
    /// <summary>
    /// Memory for segments that are filled or uploaded, over all queues. Above it segments are cut early: a smaller segment costs a little compression,
    /// memory that grows with the number of queues costs the job.
    /// </summary>
    internal const long SegmentMemory = 128 << 20;

    private readonly BlockPool _pool = new(keep: (int)(SegmentMemory / BlockPool.BlockBytes));

    internal BackupPlan Plan => plan;

    internal BackupJournal Journal => journal;

    internal IEngineLog Log => log;

    /// <summary>The cluster's management API.</summary>
    internal required ManagementClient Management { get; init; }

    /// <summary>Its policies, as they are now.</summary>
    internal required CurrentPolicies Policies { get; init; }

    /// <summary>What the members of its quorum queues run, which may be upgraded at this moment.</summary>
    internal required QueueMembers Members { get; init; }

    /// <summary>Other runs of this module at the same cluster.</summary>
    internal required OtherRuns Others { get; init; }

    /// <summary>One for all queues: a broker that is gone is not asked by each of them again and again.</summary>
    internal RetryPolicy BrokerRetry { get; } = new(plan.Options.Retry, new CircuitBreaker(ErrorCode.BrokerUnreachable, plan.Options.Broker.DisplayUri, time), time);

    internal BackupOptions Options => plan.Options;

    /// <summary>
    /// The cluster. Where streams are followed heartbeats are as frequent as segments may have to be cut: with each the sink looks at the clock, also when no message comes.
    /// </summary>
    internal BrokerOptions Broker { get; } = plan.Options.Continuous && plan.Options.SegmentInterval < plan.Options.Broker.Heartbeat
        ? plan.Options.Broker with { Heartbeat = plan.Options.SegmentInterval }
        : plan.Options.Broker;

    /// <summary>Ends the following of streams, in order. Never cancelled in a run that ends by itself.</summary>
    internal CancellationToken Ending { get; init; }

    internal TimeProvider Time => time;

    internal ReadSafetyOptions SafetyOptions => plan.SafetyOptions;

    /// <summary>Raised when the broker is in trouble.</summary>
    internal ReadStopSignal StopSignal { get; } = new();

    /// <summary>Null where nothing is limited.</summary>
    internal ReadThrottle? Throttle { get; } = ReadThrottle.Of(plan.Options, time);

    /// <summary>How fast queues are read.</summary>
    internal ReadRate Rate { get; } = new();

    /// <summary>Consumers that the broker lets a channel have (<c>consumer_max_per_channel</c>): known only when it has refused one, for which it ends the connection.</summary>
    internal int ConsumersPerChannel { get; set; } = int.MaxValue;

    internal SegmentWriterOptions WriterOptions => new()
    {
        RecordFormat = Options.RecordFormat,
        Compression = Options.Compression,
        BlockPool = _pool,
    };

    /// <summary>
    /// What the backup that this one goes on from knows of a stream; null where it begins anew: also since the other one was not read by the stream protocol, or holds no message by which the stream could be told from another of its name.
    /// </summary>
    internal StreamEntry? BaseOf(QueueInfo stream) =>
        plan.Base?.Streams.GetValueOrDefault(new QueueName(stream.VirtualHost, stream.Name)) is { Lost.Count: 0, LastOffset: not null } known ? known : null;

    internal bool MemoryIsShort => _pool.BytesInUse > SegmentMemory;

    /// <summary>It would be short soon: who has segments under way waits for them, rather than cut the next one early.</summary>
    internal bool MemoryIsTight => _pool.BytesInUse > SegmentMemory - (SegmentMemory / 16);

    /// <inheritdoc/>
    public void Dispose() => StopSignal.Dispose();

    internal long UnixMilliseconds() => time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>For <see cref="IsDue"/>.</summary>
    internal long Timestamp() => time.GetTimestamp();

    /// <summary>True where a segment that was opened then is to be committed, however small it is. Not by the clock on the wall, which may be set back by hours.</summary>
    internal bool IsDue(long openedAt) => time.GetElapsedTime(openedAt) >= Options.SegmentInterval;

    /// <summary>Stores a finished segment, create-only, and gives its row in the manifest.</summary>
    internal Task<SegmentEntry> PutSegmentAsync(string key, SegmentContent content, CancellationToken cancellationToken) =>
        catalog.PutSegmentAsync(plan.BackupId, key, content, cancellationToken);
}
