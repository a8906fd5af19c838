using System.Management.Automation;
using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Lists the segments of backups, queue by queue, oldest first.</summary>
[Cmdlet(VerbsCommon.Get, "RabbitBackupSegment")]
[OutputType(typeof(BackupSegment))]
public sealed class GetRabbitBackupSegmentCommand : AsyncCmdlet
{
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
        NameFilter queues = new(Queue);
        WriteObject(BackupContents.GetSegments(Manifest).Where(segment => queues.Matches(segment.Queue)), enumerateCollection: true);
    }
}
