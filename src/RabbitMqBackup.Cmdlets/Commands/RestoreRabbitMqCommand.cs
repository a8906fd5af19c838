using System.Collections;
using System.Management.Automation;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Definitions;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Restores backups, segments or single messages to a cluster.</summary>
[Cmdlet(VerbsData.Restore, "RabbitMq", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High, DefaultParameterSetName = "Manifest")]
[OutputType(typeof(RestoreResult), typeof(RestorePlanQueue), typeof(ImportItem))]
public sealed class RestoreRabbitMqCommand : BrokerCmdlet
{
    private readonly List<BackupSegment> _segments = [];
    private readonly MessageBatch _batch = new();
    private readonly MessageRestore _messages = new();
    private bool? _mayRestoreMessages;

    /// <summary>Backups from Get-RabbitBackup, Backup-RabbitMq or Test-RabbitBackup -PassThru; restored one after the other.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ParameterSetName = "Manifest")]
    [ValidateNotNull]
    public BackupManifest? Manifest { get; set; }

    /// <summary>Segments from Get-RabbitBackupSegment; all that come down the pipeline become one restore.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = "Segment")]
    [ValidateNotNull]
    public BackupSegment? Segment { get; set; }

    /// <summary>Messages from Get-RabbitBackupMessage; all that come down the pipeline become one restore.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = "Message")]
    [ValidateNotNull]
    public BackupMessage? Message { get; set; }

    /// <summary>Names of the backup's queues to restore, with wildcards. Default: all.</summary>
    [Parameter]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[] Queue { get; set; } = [];

    /// <summary>Virtual hosts of the backup to restore, with wildcards. Default: all.</summary>
    [Parameter]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[] VirtualHost { get; set; } = [];

    /// <summary>Only messages of this time or later.</summary>
    [Parameter]
    public DateTimeOffset? After { get; set; }

    /// <summary>Only messages before this time.</summary>
    [Parameter]
    public DateTimeOffset? Before { get; set; }

    /// <summary>Which time -After and -Before are about: CapturedAt (default) or MessageTimestamp.</summary>
    [Parameter]
    public TimeBasis TimeBasis { get; set; }

    /// <summary>Only the first so many messages of each queue.</summary>
    [Parameter(ParameterSetName = "Manifest")]
    [Parameter(ParameterSetName = "Segment")]
    public long? First { get; set; }

    /// <summary>Only the last so many messages of each queue.</summary>
    [Parameter(ParameterSetName = "Manifest")]
    [Parameter(ParameterSetName = "Segment")]
    public long? Last { get; set; }

    /// <summary>Streams: only from this offset on.</summary>
    [Parameter]
    public long? FromOffset { get; set; }

    /// <summary>Streams: only up to this offset.</summary>
    [Parameter]
    public long? ToOffset { get; set; }

    /// <summary>New names of queues by their old ones; a * in a new name stands for what the * in the old one stood for.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ValidateNotNull]
    public Hashtable QueueMap { get; set; } = [];

    /// <summary>New names of virtual hosts by their old ones.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ValidateNotNull]
    public Hashtable VirtualHostMap { get; set; } = [];

    /// <summary>With -PublishMode Exchange: exchanges to publish to in place of the original ones.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ValidateNotNull]
    public Hashtable ExchangeMap { get; set; } = [];

    /// <summary>Another type for queues that are declared: classic, quorum or stream.</summary>
    [Parameter]
    [ValidateSet("classic", "quorum", "stream")]
    public string? QueueType { get; set; }

    /// <summary>Queue (default): straight into the queue. Exchange: to the original exchange with the original routing key.</summary>
    [Parameter]
    public PublishMode PublishMode { get; set; }

    /// <summary>What becomes of the messages' own time to live: Keep (default), Drop or Remaining.</summary>
    [Parameter]
    public ExpirationHandling Expiration { get; set; }

    /// <summary>Publishes a user-id as it was, also of another user; needs a user with the tag impersonator.</summary>
    [Parameter]
    public SwitchParameter KeepUserId { get; set; }

    /// <summary>What to do with a target queue that has messages: Fail (default), Append or Skip.</summary>
    [Parameter]
    public NonEmptyTarget IfNotEmpty { get; set; }

    /// <summary>Queues restored at the same time. Default: 4.</summary>
    [Parameter]
    public int? MaxConcurrentQueues { get; set; }

    /// <summary>Stores also the offsets that consumers had stored in streams, each at the new place of its message.</summary>
    [Parameter]
    public SwitchParameter ConsumerOffsets { get; set; }

    /// <summary>Unconfirmed messages in flight per queue. Default: 2000.</summary>
    [Parameter]
    public int? ConfirmWindow { get; set; }

    /// <summary>Unconfirmed bytes in flight per queue. Default: 32 MB.</summary>
    [Parameter]
    public long? ConfirmWindowBytes { get; set; }

    /// <summary>Messages that are gathered from the pipeline before they are published together. Default: 20000.</summary>
    [Parameter(ParameterSetName = "Message")]
    [ValidateRange(1, 1_000_000)]
    public int BatchSize { get; set; } = MessageBatch.DefaultSize;

    /// <summary>Messages per second at most, over all queues.</summary>
    [Parameter]
    public long? MaxMessagesPerSecond { get; set; }

    /// <summary>Bytes of bodies per second at most, over all queues.</summary>
    [Parameter]
    public long? MaxBytesPerSecond { get; set; }

    /// <summary>Where to keep messages that the target returned or refused, as a backup of their own.</summary>
    [Parameter]
    [StoreTransformation]
    [ValidateNotNull]
    public BackupStore? RejectedStore { get; set; }

    /// <summary>Leaves out the definitions that a full restore brings back where they are missing.</summary>
    [Parameter(ParameterSetName = "Manifest")]
    public SwitchParameter SkipDefinitions { get; set; }

    /// <summary>Goes on with the same restore where an earlier run was cut.</summary>
    [Parameter(ParameterSetName = "Manifest")]
    [Parameter(ParameterSetName = "Segment")]
    public SwitchParameter Resume { get; set; }

    /// <summary>Folder for the checkpoint that makes resuming possible, and for the record that makes undoing possible. Default: a folder in the user's local data.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? CheckpointPath { get; set; }

    /// <summary>How long to try to reach a target again that went away in the middle. Default: 5 minutes.</summary>
    [Parameter]
    public TimeSpan? RetryTimeout { get; set; }

    /// <summary>Takes away the lease of a removal of this backup whose process is gone.</summary>
    [Parameter]
    public SwitchParameter BreakStaleLease { get; set; }

    /// <summary>Restores also into a queue that exists with another type or other arguments.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        switch (ParameterSetName)
        {
            case "Manifest":
                // Backup-RabbitMq -PassSegment sends the segments and then the manifest that holds them all.
                _segments.RemoveAll(segment => segment.BackupId == Manifest!.BackupId);
                Restore(Options() with { Manifest = Manifest });
                break;
            case "Segment":
                _segments.Add(Segment!);
                break;
            default:
                _batch.Add(Message!);
                if (_batch.IsFull(BatchSize))
                {
                    RestoreBatch(", and what else comes down the pipeline");
                }

                break;
        }
    }

    /// <inheritdoc/>
    protected override void End()
    {
        if (_segments.Count > 0)
        {
            Restore(Options() with { Segments = _segments });
        }

        RestoreBatch("");
        if (_mayRestoreMessages == true)
        {
            WriteObject(_messages.Result);
        }
        else
        {
            WriteObject(_messages.Planned, enumerateCollection: true);
        }
    }

    private void Restore(RestoreOptions options)
    {
        RestoreEngine engine = new(Log);
        RestorePlan plan = Run(token => engine.PlanAsync(options, token));
        if (plan.Queues.Count == 0)
        {
            WriteWarning("None of the backup's queues is to be restored: there is nothing to do.");
        }
        else if (MayRestore(plan, "", out bool isWhatIf))
        {
            WriteObject(Run(token => engine.ExecuteAsync(plan, new RestoreEvents(Progress, PostError), token)));
        }
        else if (isWhatIf)
        {
            WriteObject(plan.Queues, enumerateCollection: true);
            WriteObject(plan.Definitions?.Items ?? [], enumerateCollection: true);
        }
    }

    private void RestoreBatch(string more)
    {
        RestoreEngine engine = new(Log);
        RestoreOptions options = Options();
        foreach (RestoreOptions run in _messages.Runs(options, _batch.Take()))
        {
            RestorePlan plan = Run(token => engine.PlanAsync(run, token));
            if (plan.Queues.Count == 0)
            {
                // A window or names that leave nothing of this batch.
                continue;
            }

            _messages.Add(plan);
            _mayRestoreMessages ??= MayRestore(plan, more, out _);
            if (_mayRestoreMessages == true)
            {
                _messages.Add(Run(token => engine.ExecuteAsync(plan, new RestoreEvents(Progress, PostError), token)));
            }
        }
    }

    private bool MayRestore(RestorePlan plan, string more, out bool isWhatIf) =>
        MayChange($"{plan.Summary}{more}, on {plan.Target}", "Restore to RabbitMQ", out isWhatIf);

    private RestoreOptions Options()
    {
        RestoreOptions options = new() { Broker = OpenConnection().Options };
        return options with
        {
            Queues = Queue,
            VirtualHosts = VirtualHost,
            After = After,
            Before = Before,
            TimeBasis = TimeBasis,
            First = First,
            Last = Last,
            FromOffset = FromOffset,
            ToOffset = ToOffset,
            QueueMap = NameMaps.From(QueueMap, nameof(QueueMap)),
            VirtualHostMap = NameMaps.From(VirtualHostMap, nameof(VirtualHostMap)),
            ExchangeMap = NameMaps.From(ExchangeMap, nameof(ExchangeMap)),
            QueueType = QueueType?.ToLowerInvariant(),
            PublishMode = PublishMode,
            Expiration = Expiration,
            KeepUserId = KeepUserId,
            IfNotEmpty = IfNotEmpty,
            ConsumerOffsets = ConsumerOffsets,
            MaxConcurrentQueues = MaxConcurrentQueues ?? options.MaxConcurrentQueues,
            ConfirmWindow = ConfirmWindow ?? options.ConfirmWindow,
            ConfirmWindowBytes = ConfirmWindowBytes ?? options.ConfirmWindowBytes,
            MaxMessagesPerSecond = MaxMessagesPerSecond,
            MaxBytesPerSecond = MaxBytesPerSecond,
            RejectedStore = RejectedStore,
            SkipDefinitions = SkipDefinitions,
            Resume = Resume,
            CheckpointPath = CheckpointPath is null ? null : FilePath.Full(CheckpointPath, SessionState.Path),
            RetryTimeout = RetryTimeout ?? options.RetryTimeout,
            Force = Force,
            BreakStaleLease = BreakStaleLease,
        };
    }
}
