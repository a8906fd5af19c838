using System.Management.Automation;
using RabbitMqBackup.Engine;
using RabbitMqBackup.Engine.Backup;
using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Cmdlets;

/// <summary>What a running backup tells, on its way to the pipeline.</summary>
/// <param name="cmdlet">Writes.</param>
/// <param name="pump">Carries it to the pipeline thread.</param>
/// <param name="progress">Shows progress.</param>
/// <param name="passSegment">Emit each segment as it is committed.</param>
internal sealed class BackupEvents(Cmdlet cmdlet, PipelinePump pump, ProgressDisplay progress, bool passSegment) : IBackupEvents
{
    /// <inheritdoc/>
    public void OnProgress(OperationProgress value) => progress.Report(value);

    /// <inheritdoc/>
    public void OnSegment(BackupSegment segment)
    {
        if (passSegment)
        {
            pump.Post(() => cmdlet.WriteObject(segment));
        }
    }

    /// <inheritdoc/>
    public void OnFailure(RabbitBackupException failure) => pump.Post(() => cmdlet.WriteError(ErrorRecords.From(failure)), isNews: true);
}
