using System.Management.Automation;
using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Pins and unpins backups: one that is pinned is not removed, by no retention and not by name.</summary>
[Cmdlet(VerbsCommon.Set, "RabbitBackup", SupportsShouldProcess = true, DefaultParameterSetName = "Pin")]
[OutputType(typeof(BackupManifest))]
public sealed class SetRabbitBackupCommand : AsyncCmdlet
{
    /// <summary>Backups from Get-RabbitBackup or Backup-RabbitMq.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ValidateNotNull]
    public BackupManifest Manifest { get; set; } = null!;

    /// <summary>Pins the backup.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "Pin")]
    public SwitchParameter Pin { get; set; }

    /// <summary>Unpins the backup.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "Unpin")]
    public SwitchParameter Unpin { get; set; }

    /// <summary>Emits the manifest, for the next command.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        bool pin = ParameterSetName == "Pin" ? Pin : !Unpin;
        if (!ShouldProcess($"{Manifest.Store} / {Manifest.BackupId}", pin ? "Pin" : "Unpin"))
        {
            return;
        }

        BackupManifest changed = Run(token => new BackupMarks().PinAsync(Manifest, pin, token));
        if (PassThru)
        {
            WriteObject(changed);
        }
    }
}
