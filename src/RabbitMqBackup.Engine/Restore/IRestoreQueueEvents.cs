namespace RabbitMqBackup.Engine.Restore;

/// <summary>What the restore of one queue tells the run it belongs to.</summary>
internal interface IRestoreQueueEvents
{
    /// <summary>So many messages and bytes of body were given to the broker since the last call.</summary>
    void OnPublished(RestorePlanQueue queue, long messages, long bytes);

    /// <summary>A segment was left out, since it is damaged or missing.</summary>
    void OnDamagedSegment(RestorePlanQueue queue, RabbitBackupException damage);

    /// <summary>The broker holds publishers back (with its reason) or lets them go on (null).</summary>
    void OnBlocked(RestorePlanQueue queue, string? reason);

    /// <summary>The target went away, with so many messages of which nobody knows whether it has them; the restore tries to reach it again.</summary>
    void OnReconnecting(RestorePlanQueue queue, RabbitBackupException reason, int unconfirmed);
}
