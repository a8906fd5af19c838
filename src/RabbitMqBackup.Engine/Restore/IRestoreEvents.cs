namespace RabbitMqBackup.Engine.Restore;

/// <summary>What a running restore tells. Called from any thread, one call at a time.</summary>
public interface IRestoreEvents
{
    /// <summary>How far it is.</summary>
    void OnProgress(OperationProgress progress);

    /// <summary>One queue could not be restored whole. The restore goes on with the others.</summary>
    void OnFailure(RabbitBackupException failure);
}
