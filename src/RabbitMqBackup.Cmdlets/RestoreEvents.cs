using System.Management.Automation;
using RabbitMqBackup.Engine;
using RabbitMqBackup.Engine.Restore;

namespace RabbitMqBackup.Cmdlets;

/// <summary>What a running restore tells, on its way to the pipeline.</summary>
internal sealed class RestoreEvents(Cmdlet cmdlet, PipelinePump pump, ProgressDisplay progress) : IRestoreEvents
{
    /// <inheritdoc/>
    public void OnProgress(OperationProgress value) => progress.Report(value);

    /// <inheritdoc/>
    public void OnFailure(RabbitBackupException failure) => pump.Post(() => cmdlet.WriteError(ErrorRecords.From(failure)), isNews: true);
}
