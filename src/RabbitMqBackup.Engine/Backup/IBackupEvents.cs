using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>What a running backup tells. Called from any thread, one call at a time.</summary>
public interface IBackupEvents
{
    /// <summary>How far it is.</summary>
    void OnProgress(OperationProgress progress);

    /// <summary>A segment is committed to the store.</summary>
    void OnSegment(BackupSegment segment);

    /// <summary>One queue, or the definitions, could not be captured whole. The backup goes on and will be partial.</summary>
    void OnFailure(RabbitBackupException failure);
}
