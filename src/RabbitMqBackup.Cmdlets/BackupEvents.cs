using RabbitMqBackup.Engine;
using RabbitMqBackup.Engine.Backup;
using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Cmdlets;

/// <summary>What a running backup tells, on its way to the pipeline.</summary>
internal sealed class BackupEvents(ProgressDisplay progress, Action<RabbitBackupException> onFailure, Action<BackupSegment> onSegment) : IBackupEvents
{
    /// <inheritdoc/>
    public void OnProgress(OperationProgress value) => progress.Report(value);

    /// <inheritdoc/>
    public void OnSegment(BackupSegment segment) => onSegment(segment);

    /// <inheritdoc/>
    public void OnFailure(RabbitBackupException failure) => onFailure(failure);
}
