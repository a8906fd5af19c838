namespace RabbitMqBackup.Engine;

/// <summary>What went wrong, in the terms a script can rely on. The name is the ErrorId of the PowerShell error record.</summary>
public enum ErrorCode
{
    /// <summary>A URI, a host or a port could not be connected to.</summary>
    BrokerUnreachable,

    /// <summary>The broker refused the user name, the password or the certificate.</summary>
    BrokerAuthenticationFailed,

    /// <summary>The user may not do this in the virtual host or on the object.</summary>
    BrokerAccessRefused,

    /// <summary>The broker closed the connection or the channel, or it broke, in the middle of work.</summary>
    BrokerConnectionLost,

    /// <summary>The queue is not there (any more).</summary>
    QueueNotFound,

    /// <summary>Another consumer or connection holds the queue so that it can't be read.</summary>
    QueueInUse,

    /// <summary>Reading the queue could lose or distort a message.</summary>
    QueueAtRisk,

    /// <summary>The queue can't be read at the moment: its node is down or its replicas have no majority.</summary>
    QueueUnavailable,

    /// <summary>The broker is short of memory or disk, so nothing is read from it.</summary>
    BrokerInAlarm,

    /// <summary>The management API does not answer, is not enabled, or refuses.</summary>
    ManagementApiUnavailable,

    /// <summary>There is no backup with this id in the store.</summary>
    BackupNotFound,

    /// <summary>The backup lacks parts, or its manifest can't be read.</summary>
    BackupIncomplete,

    /// <summary>A backup with this id is in the store already.</summary>
    BackupExists,

    /// <summary>Another process makes, restores, copies or removes this backup, or did and its lease is still there.</summary>
    BackupInUse,

    /// <summary>The backup is pinned, is the last good one, or others are based on it: it is not removed.</summary>
    BackupProtected,

    /// <summary>A segment is truncated, altered, or not a segment.</summary>
    SegmentCorrupt,

    /// <summary>Written by a newer version of the format than this module reads.</summary>
    FormatTooNew,

    /// <summary>The store refuses the credentials, or the folder can't be written to.</summary>
    StorageAccessDenied,

    /// <summary>The store does not answer, is full, or failed.</summary>
    StorageUnavailable,

    /// <summary>A create-only or versioned put or delete met an object in another state.</summary>
    StorageConflict,

    /// <summary>There is no object under this path.</summary>
    ObjectNotFound,

    /// <summary>A published message reached no queue.</summary>
    PublishUnroutable,

    /// <summary>The broker refused a published message.</summary>
    PublishRejected,

    /// <summary>An object exists on the broker with other properties.</summary>
    DefinitionConflict,

    /// <summary>A definitions file can't be understood or is refused by the broker.</summary>
    DefinitionInvalid,

    /// <summary>The target of a restore is not in the state that the restore asked for.</summary>
    RestoreConflict,

    /// <summary>The record of how far a run came is not one, or was altered.</summary>
    CheckpointDamaged,

    /// <summary>The record of how far a run came can't be written or is in use by another run.</summary>
    CheckpointUnavailable,

    /// <summary>Another process works at the same backup or restore.</summary>
    CheckpointInUse,

    /// <summary>Something took longer than its option allows.</summary>
    OperationTimedOut,

    /// <summary>A part of the module can't work on this platform.</summary>
    PlatformNotSupported,
}
