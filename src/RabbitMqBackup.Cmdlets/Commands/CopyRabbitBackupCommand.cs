using System.Management.Automation;
using RabbitMqBackup.Engine;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Copies backups to another store, checking every object on its way.</summary>
[Cmdlet(VerbsCommon.Copy, "RabbitBackup", SupportsShouldProcess = true)]
[OutputType(typeof(BackupManifest))]
public sealed class CopyRabbitBackupCommand : AsyncCmdlet
{
    /// <summary>Backups from Get-RabbitBackup or Backup-RabbitMq.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ValidateNotNull]
    public BackupManifest Manifest { get; set; } = null!;

    /// <summary>Where to: a folder, a URI, or an object from New-RabbitBackupStore.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [StoreTransformation]
    [ValidateNotNull]
    public BackupStore Destination { get; set; } = null!;

    /// <summary>Copies also the backups that this one is based on.</summary>
    [Parameter]
    public SwitchParameter Recurse { get; set; }

    /// <summary>Objects copied at the same time. Default: 4.</summary>
    [Parameter]
    [ValidateRange(1, 32)]
    public int MaxConcurrentObjects { get; set; } = 4;

    /// <summary>Takes away leases on the backup whose holders are gone, as a copy that was killed leaves one.</summary>
    [Parameter]
    public SwitchParameter BreakStaleLease { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        if (!ShouldProcess($"{Manifest.Store} / {Manifest.BackupId}", $"Copy the backup to {Destination}"))
        {
            return;
        }

        CopyOptions options = new() { Backup = Manifest, Destination = Destination, Recurse = Recurse, MaxConcurrentObjects = MaxConcurrentObjects, BreakStaleLease = BreakStaleLease };
        try
        {
            WriteObject(Run(token => new BackupCopier(Log).CopyAsync(options, Progress.Report, token)));
        }
        catch (RabbitBackupException failure) when (IsOfOneBackup(failure.Code))
        {
            WriteError(ErrorRecords.From(failure));
        }
    }

    /// <summary>The next backup in the pipeline may fare better.</summary>
    private static bool IsOfOneBackup(ErrorCode code) =>
        code is ErrorCode.BackupExists or ErrorCode.BackupNotFound or ErrorCode.BackupIncomplete or ErrorCode.BackupInUse or ErrorCode.SegmentCorrupt or ErrorCode.ObjectNotFound or ErrorCode.FormatTooNew;
}
