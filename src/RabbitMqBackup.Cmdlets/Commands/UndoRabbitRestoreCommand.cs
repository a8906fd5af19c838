using System.Management.Automation;
using RabbitMqBackup.Engine.Restore;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Takes a restore back: removes what it created.</summary>
[Cmdlet(VerbsCommon.Undo, "RabbitRestore", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(RestoreUndoItem))]
public sealed class UndoRabbitRestoreCommand : BrokerCmdlet
{
    /// <summary>The restore, by RestoreId of its result.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string RestoreId { get; set; } = "";

    /// <summary>The folder that was given to Restore-RabbitMq as -CheckpointPath.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? CheckpointPath { get; set; }

    /// <summary>Also removes queues that have consumers or more messages than the restore put there, and definitions that were changed since.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        string? folder = CheckpointPath is null ? null : FilePath.Full(CheckpointPath, SessionState.Path);
        RestoreUndo undo = new(Log);
        RestoreUndoPlan plan = Run(token => undo.PlanAsync(OpenConnection().Options, RestoreId, folder, Force, token));
        if (MayChange($"{plan.Summary}, on {plan.Target}", "Undo a restore to RabbitMQ", out bool isWhatIf))
        {
            WriteObject(Run(token => undo.ExecuteAsync(plan, folder, token)), enumerateCollection: true);
        }
        else if (isWhatIf)
        {
            WriteObject(plan.Items, enumerateCollection: true);
        }
    }
}
