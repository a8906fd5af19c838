using System.Management.Automation;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Restores backups, segments or single messages to a cluster.</summary>
[Cmdlet(VerbsData.Restore, "RabbitMq", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High, DefaultParameterSetName = "Manifest")]
[OutputType(typeof(RestoreResult), typeof(RestorePlanQueue))]
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

    /// <summary>What to do with a target queue that has messages: Fail (default), Append or Skip.</summary>
    [Parameter]
    public NonEmptyTarget IfNotEmpty { get; set; }

    /// <summary>Queues restored at the same time. Default: 4.</summary>
    [Parameter]
    public int? MaxConcurrentQueues { get; set; }

    /// <summary>Stores also the offsets that consumers had stored in streams, each at the new place of its message.</summary>
    [Parameter]
    public SwitchParameter ConsumerOffsets { get; set; }

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
                if (_batch.IsFull)
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
        }
    }

    private void RestoreBatch(string more)
    {
        RestoreEngine engine = new(Log);
        RestoreOptions options = Options();
        foreach (RestoreOptions run in _messages.Runs(options, _batch.Take()))
        {
            RestorePlan plan = Run(token => engine.PlanAsync(run, token));
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
            IfNotEmpty = IfNotEmpty,
            ConsumerOffsets = ConsumerOffsets,
            MaxConcurrentQueues = MaxConcurrentQueues ?? options.MaxConcurrentQueues,
            Force = Force,
        };
    }
}
