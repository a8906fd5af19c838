using RabbitMqBackup.Engine;

namespace RabbitMqBackup.Cmdlets;

/// <summary>What a person can do about an error for which the engine has no better hint of its own.</summary>
internal static class Remedies
{
    private const string AnotherCopy = "Take it from a copy of the backup, or use another backup.";

    /// <summary>The remedy, or null where there is none.</summary>
    internal static string? For(ErrorCode code) => code switch
    {
        ErrorCode.BrokerUnreachable => "Check host and port, and that the broker runs and listens there.",
        ErrorCode.BrokerAuthenticationFailed => "Check the user name and the password (-Credential).",
        ErrorCode.BrokerAccessRefused => "Give the user the permission in the virtual host: rabbitmqctl set_permissions.",
        ErrorCode.BrokerConnectionLost => "Run the command again; the broker's log tells why the connection was closed.",
        ErrorCode.QueueNotFound => "Get-RabbitQueue lists the queues that are there.",
        ErrorCode.QueueInUse => "Try again when the other consumer or connection is gone.",
        ErrorCode.QueueAtRisk => "Get-RabbitQueue shows the reasons.",
        ErrorCode.QueueUnavailable => "Bring the nodes of the queue back, and try again.",
        ErrorCode.BrokerInAlarm => "Give the broker memory or disk, and run again; -Force reads all the same.",
        ErrorCode.ManagementApiUnavailable =>
            "Turn the API on with 'rabbitmq-plugins enable rabbitmq_management', or say where it is with New-RabbitConnection -ManagementUri.",
        ErrorCode.BackupNotFound => "Get-RabbitBackup lists the backups of the store.",
        ErrorCode.BackupProtected => "Remove-RabbitBackup -WhatIf shows what stands against it.",
        ErrorCode.BackupInUse => "Wait until the other process has ended.",
        ErrorCode.BackupExists => "Choose another -BackupId, or leave it out to have one made.",
        ErrorCode.BackupIncomplete or ErrorCode.SegmentCorrupt or ErrorCode.ObjectNotFound => AnotherCopy,
        ErrorCode.FormatTooNew => "Update the module.",
        ErrorCode.StorageAccessDenied => "Check the user's rights on the store.",
        ErrorCode.StorageUnavailable => "Check that the store can be reached and has room.",
        ErrorCode.StorageConflict => "Another process writes to the same backup: let it come to its end, or use another -BackupId.",
        ErrorCode.PublishUnroutable => "See whether the queue was deleted meanwhile, and restore it again.",
        ErrorCode.PublishRejected => "The broker's log and the queue's limits tell why.",
        ErrorCode.DefinitionConflict => "Delete or rename the object on the broker, or leave it as it is.",
        ErrorCode.DefinitionInvalid => "Mend the definitions at the place that the message names.",
        ErrorCode.RestoreConflict => "Restore-RabbitMq -WhatIf shows what stands in the way.",
        ErrorCode.CheckpointDamaged => "Delete the file: what it names is then done anew.",
        ErrorCode.CheckpointInUse => "Wait until the other process has ended, or end it.",
        ErrorCode.CheckpointUnavailable => "Give another folder with -CheckpointPath.",
        ErrorCode.OperationTimedOut => "Try again, or give more time with the parameters of New-RabbitConnection.",
        _ => null,
    };
}
