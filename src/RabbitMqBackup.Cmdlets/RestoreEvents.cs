using RabbitMqBackup.Engine;
using RabbitMqBackup.Engine.Restore;

namespace RabbitMqBackup.Cmdlets;

/// <summary>What a running restore tells, on its way to the pipeline.</summary>
internal sealed class RestoreEvents(ProgressDisplay progress, Action<RabbitBackupException> onFailure) : IRestoreEvents
{
    /// <inheritdoc/>
    public void OnProgress(OperationProgress value) => progress.Report(value);

    /// <inheritdoc/>
    public void OnFailure(RabbitBackupException failure) => onFailure(failure);
}
