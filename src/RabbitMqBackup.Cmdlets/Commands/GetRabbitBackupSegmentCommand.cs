using System.Management.Automation;
using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Lists the segments of backups, queue by queue, oldest first.</summary>
[Cmdlet(VerbsCommon.Get, "RabbitBackupSegment")]
[OutputType(typeof(BackupSegment))]
public sealed class GetRabbitBackupSegmentCommand : AsyncCmdlet
{
    private NamedQueues? _queues;

    /// <summary>Backups from Get-RabbitBackup or Backup-RabbitMq.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ValidateNotNull]
    public BackupManifest Manifest { get; set; } = null!;

    /// <summary>Names of queues, with wildcards. Default: all.</summary>
    [Parameter(Position = 1)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[] Queue { get; set; } = [];

    /// <inheritdoc/>
    protected override void Process()
    {
        _queues ??= new NamedQueues(Queue);
        _queues.LookAt(Manifest);
        WriteObject(BackupContents.GetSegments(Manifest).Where(segment => _queues.Matches(segment.Queue)), enumerateCollection: true);
    }

    /// <inheritdoc/>
    protected override void End() => _queues?.TellMissed(missed => WriteError(ErrorRecords.From(missed)));
}
