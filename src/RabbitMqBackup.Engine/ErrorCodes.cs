namespace RabbitMqBackup.Engine;

/// <summary>Which side an error is on.</summary>
internal static class ErrorCodes
{
    /// <summary>The store's trouble, not the broker's.</summary>
    internal static bool IsStorage(this ErrorCode code) =>
        code is ErrorCode.StorageAccessDenied or ErrorCode.StorageUnavailable or ErrorCode.StorageConflict or ErrorCode.ObjectNotFound or ErrorCode.BackupExists or ErrorCode.BackupInUse;
}
