using System.Management.Automation;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Describes where backups lie. Opens nothing yet.</summary>
[Cmdlet(VerbsCommon.New, "RabbitBackupStore")]
[OutputType(typeof(BackupStore))]
public sealed class NewRabbitBackupStoreCommand : AsyncCmdlet
{
    /// <summary>A folder as PowerShell writes it, or a <c>file:</c> URI.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNullOrEmpty]
    public string Uri { get; set; } = "";

    /// <inheritdoc/>
    protected override void Process() => WriteObject(StoreLocation.Parse(Uri, SessionState.Path));
}
