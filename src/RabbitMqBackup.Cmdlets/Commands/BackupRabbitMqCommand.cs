using System.Collections;
using System.Management.Automation;
using RabbitMqBackup.Cmdlets.Completion;
using RabbitMqBackup.Engine;
using RabbitMqBackup.Engine.Backup;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Backs up queues and definitions of a running cluster; every message stays in its queue.</summary>
[Cmdlet(VerbsData.Backup, "RabbitMq", SupportsShouldProcess = true)]
[OutputType(typeof(BackupManifest), typeof(BackupSegment))]
public sealed class BackupRabbitMqCommand : BrokerCmdlet
{
    private readonly List<QueueName> _piped = [];
    private RabbitConnection? _pipedConnection;

    /// <summary>Where to: a folder, a URI, or an object from New-RabbitBackupStore. Default: RABBITMQ_BACKUP_STORE.</summary>
    [Parameter(Position = 0)]
    [StoreTransformation]
    [ValidateNotNull]
    public BackupStore? Store { get; set; }

    /// <summary>Names of queues, with wildcards. Default: all.</summary>
    [Parameter(Position = 1)]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(QueueNameCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Queue { get; set; } = [];

    /// <summary>Names of queues to leave out, with wildcards.</summary>
    [Parameter]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(QueueNameCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] ExcludeQueue { get; set; } = [];

    /// <summary>Virtual hosts, with wildcards. Default: the connection's, else all.</summary>
    [Parameter]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(VirtualHostCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] VirtualHost { get; set; } = [];

    /// <summary>Types of queues. Default: all.</summary>
    [Parameter]
    [ValidateSet("classic", "quorum", "stream")]
    public string[] QueueType { get; set; } = [];

    /// <summary>Leaves out queues with fewer ready messages.</summary>
    [Parameter]
    [ValidateRange(0, long.MaxValue)]
    public long MinimumDepth { get; set; }

    /// <summary>Queues from Get-RabbitQueue, or any objects or hashtables with Name and VirtualHost. All that come down the pipeline become one backup.</summary>
    [Parameter(ValueFromPipeline = true)]
    [ValidateNotNull]
    public PSObject? InputObject { get; set; }

    /// <summary>The backup's id. Default: made from the time and a random part.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? BackupId { get; set; }

    /// <summary>Reads streams only from where the newest backup of the same cluster in the store ended; queues are read whole. Without such a backup it becomes one that stands by itself.</summary>
    [Parameter]
    public SwitchParameter Incremental { get; set; }

    /// <summary>The id of the backup to go on from, in place of the newest. It means -Incremental.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(BackupIdCompleter))]
    [ValidateNotNullOrEmpty]
    public string? BasedOn { get; set; }

    /// <summary>Goes on with the unfinished backup of that id: what it has stays, as long as it matches.</summary>
    [Parameter]
    public SwitchParameter Resume { get; set; }

    /// <summary>The folder of the checkpoint. Default: one in the user's local data.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? CheckpointPath { get; set; }

    /// <summary>The longest time that progress waits for its copy in the store; zero for no copy. Default: 30 seconds.</summary>
    [Parameter]
    public TimeSpan? CheckpointInterval { get; set; }

    /// <summary>How long a read that the broker broke off is tried again; zero for not at all. Default: 5 minutes.</summary>
    [Parameter]
    public TimeSpan? RetryTimeout { get; set; }

    /// <summary>Follows streams as messages are written to them, until it is stopped (Ctrl+C) or -Duration is over; then the backup is completed. Queues are left out.</summary>
    [Parameter]
    public SwitchParameter Continuous { get; set; }

    /// <summary>How long streams are followed with -Continuous. Default: until it is stopped.</summary>
    [Parameter]
    public TimeSpan? Duration { get; set; }

    /// <summary>Leaves the definitions out.</summary>
    [Parameter]
    public SwitchParameter SkipDefinitions { get; set; }

    /// <summary>How segments are compressed. Default: Zstd.</summary>
    [Parameter]
    public SegmentCompression? Compression { get; set; }

    /// <summary>How records are written: Binary (default), or Json for other tools to read.</summary>
    [Parameter]
    public RecordFormat? RecordFormat { get; set; }

    /// <summary>Uncompressed bytes after which a segment is cut. Default: 64MB.</summary>
    [Parameter]
    public long? SegmentBytes { get; set; }

    /// <summary>Time after which a segment is cut. Default: 5 minutes.</summary>
    [Parameter]
    public TimeSpan? SegmentInterval { get; set; }

    /// <summary>Queues read at the same time. Default: 4.</summary>
    [Parameter]
    public int? MaxConcurrentQueues { get; set; }

    /// <summary>Deliveries kept for the application's own retries where each read costs one. Default: a fifth of the queue's limit, at least 1.</summary>
    [Parameter]
    public long? DeliveryLimitReserve { get; set; }

    /// <summary>How long messages may be held. Default: as long as the broker allows.</summary>
    [Parameter]
    public TimeSpan? MaxHoldTime { get; set; }

    /// <summary>Messages read per second, over all queues. Default: no limit.</summary>
    [Parameter]
    public long? MaxMessagesPerSecond { get; set; }

    /// <summary>Bytes read per second, over all queues. Default: no limit.</summary>
    [Parameter]
    public long? MaxBytesPerSecond { get; set; }

    /// <summary>Emits each segment as it is committed, before the manifest.</summary>
    [Parameter]
    public SwitchParameter PassSegment { get; set; }

    /// <summary>Takes away the lease of an earlier run with the same id whose process is gone.</summary>
    [Parameter]
    public SwitchParameter BreakStaleLease { get; set; }

    /// <summary>Reads also queues that the pre-flight check calls unsafe, where that makes sense.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        if (InputObject is null)
        {
            return;
        }

        if (_pipedConnection is not null && Connection is not null && !_pipedConnection.IsSameCluster(Connection))
        {
            throw new ArgumentException($"The queues come from {_pipedConnection} and from {Connection}: one backup is of one cluster.", nameof(InputObject));
        }

        _pipedConnection ??= Connection;
        _piped.Add(new QueueName(Property("VirtualHost"), Property("Name")));
    }

    /// <inheritdoc/>
    protected override void End()
    {
        if (MyInvocation.ExpectingInput && _piped.Count == 0)
        {
            WriteWarning("No queue came down the pipeline: there is nothing to back up.");
            return;
        }

        BackupEngine engine = new(Log);
        BackupOptions options = Options();
        BackupPlan plan = Run(token => engine.PlanAsync(options, token));
        if (plan.Queues.Count == 0)
        {
            WriteWarning("No queue matches: the backup will hold no message.");
        }

        if (!ShouldProcess(plan.Target, plan.Summary))
        {
            return;
        }

        BackupEvents events = new(Progress, PostError, PostSegment);
        WriteObject(Run(token => engine.ExecuteAsync(plan, events, token)));
    }

    private void PostSegment(BackupSegment segment)
    {
        Log.Write(LogLevel.Information, $"Stored {segment.Records} message(s) of {segment.VirtualHost}/{segment.Queue} as {segment.Key}.");
        if (PassSegment)
        {
            Pump.Post(() => WriteObject(segment));
        }
    }

    private BackupOptions Options()
    {
        Connection = _pipedConnection ?? Connection;
        RabbitConnection connection = OpenConnection();
        BackupOptions options = new() { Broker = connection.Options, Store = StoreLocation.OrDefault(Store, SessionState.Path) };
        return options with
        {
            Selection = new QueueSelection
            {
                Names = Queue,
                ExcludedNames = ExcludeQueue,
                VirtualHosts = VirtualHost.Length > 0 || _piped.Count > 0 || connection.VirtualHost is not { } only ? VirtualHost : [only],
                Types = [.. QueueType.Select(type => type.ToLowerInvariant())],
                MinimumDepth = MinimumDepth,
                Exactly = _piped.Count > 0 ? _piped : null,
            },
            BackupId = BackupId,
            Incremental = Incremental,
            BasedOn = BasedOn,
            Continuous = Continuous,
            Duration = Duration,
            Resume = Resume,
            CheckpointPath = CheckpointPath is null ? null : FilePath.Full(CheckpointPath, SessionState.Path),
            CheckpointInterval = CheckpointInterval ?? options.CheckpointInterval,
            Retry = RetryTimeout is { } patience ? Patience(options.Retry, patience) : options.Retry,
            Abort = Abort,
            SkipDefinitions = SkipDefinitions,
            Compression = Compression ?? options.Compression,
            RecordFormat = RecordFormat ?? options.RecordFormat,
            SegmentBytes = SegmentBytes ?? options.SegmentBytes,
            SegmentInterval = SegmentInterval ?? options.SegmentInterval,
            MaxConcurrentQueues = MaxConcurrentQueues ?? options.MaxConcurrentQueues,
            DeliveryLimitReserve = DeliveryLimitReserve,
            MaxHoldTime = MaxHoldTime,
            MaxMessagesPerSecond = MaxMessagesPerSecond,
            MaxBytesPerSecond = MaxBytesPerSecond,
            Force = Force,
            BreakStaleLease = BreakStaleLease,
        };
    }

    /// <summary>Attempts are so few that the circuit breaker of the broker is not what ends them.</summary>
    private static RetryOptions Patience(RetryOptions options, TimeSpan patience) => options with
    {
        MaxTime = patience,
        MaxAttempts = patience > TimeSpan.Zero ? 19 : 1,
        MaxDelay = patience / 12 > options.MaxDelay ? patience / 12 : options.MaxDelay,
    };

    private string Property(string name) =>
        (InputObject!.BaseObject is IDictionary table ? table[name] : InputObject.Properties[name]?.Value)?.ToString() is { Length: > 0 } value
            ? value
            : throw new ArgumentException(
                $"An object in the pipeline has no {name}: pipe in queues from Get-RabbitQueue, or objects or hashtables with Name and VirtualHost.", nameof(InputObject));
}
