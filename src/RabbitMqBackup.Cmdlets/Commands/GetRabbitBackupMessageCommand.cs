using System.Management.Automation;
using RabbitMqBackup.Engine;
using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Reads the messages of backups or segments, one after the other.</summary>
[Cmdlet(VerbsCommon.Get, "RabbitBackupMessage", DefaultParameterSetName = "Manifest")]
[OutputType(typeof(BackupMessage))]
public sealed class GetRabbitBackupMessageCommand : AsyncCmdlet
{
    private readonly HashSet<(string BackupId, string Key)> _read = [];
    private NamedQueues? _queues;

    /// <summary>Backups from Get-RabbitBackup or Backup-RabbitMq.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ParameterSetName = "Manifest")]
    [ValidateNotNull]
    public BackupManifest? Manifest { get; set; }

    /// <summary>Segments from Get-RabbitBackupSegment.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = "Segment")]
    [ValidateNotNull]
    public BackupSegment? Segment { get; set; }

    /// <summary>Names of queues, with wildcards. Default: all.</summary>
    [Parameter(Position = 1)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[] Queue { get; set; } = [];

    /// <inheritdoc/>
    protected override void Process()
    {
        _queues ??= new NamedQueues(Queue);
        if (Manifest is not null)
        {
            _queues.LookAt(Manifest);
        }

        IEnumerable<BackupSegment> segments = ParameterSetName == "Segment" ? [Segment!] : BackupContents.GetSegments(Manifest!);
        foreach (BackupSegment segment in segments.Where(segment => _queues.Matches(segment.Queue)))
        {
            // Backup-RabbitMq -PassSegment sends the segments and then the manifest that holds them all.
            if (_read.Add((segment.BackupId, segment.Key)))
            {
                Read(segment);
            }
        }
    }

    /// <inheritdoc/>
    protected override void End() => _queues?.TellMissed(missed => WriteError(ErrorRecords.From(missed)));

    /// <summary>A damaged segment is told; the others can be read all the same.</summary>
    private void Read(BackupSegment segment)
    {
        try
        {
            RunEach(token => BackupContents.ReadMessagesAsync(segment, token), WriteObject);
        }
        catch (RabbitBackupException damage) when (
            damage.Code is ErrorCode.SegmentCorrupt or ErrorCode.ObjectNotFound or ErrorCode.BackupIncomplete or ErrorCode.FormatTooNew)
        {
            WriteError(ErrorRecords.From(damage));
        }
    }
}
