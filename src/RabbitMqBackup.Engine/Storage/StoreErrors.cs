namespace RabbitMqBackup.Engine.Storage;

/// <summary>Errors that read the same whatever the store.</summary>
internal static class StoreErrors
{
    internal static RabbitBackupException AlreadyThere(ObjectPath path, Exception? inner = null) =>
        new(ErrorCode.StorageConflict, $"There is an object '{path}' already; it was left as it is.", inner)
        {
            Target = path.ToString(),
            Hint = "Nothing that is stored is written again: use another backup id, or remove the other backup first.",
        };

    internal static RabbitBackupException NotFound(string target, Exception? inner = null) => new(ErrorCode.ObjectNotFound, $"There is no object '{target}'.", inner)
    {
        Target = target,
        Hint = "Check the store's address; the object may have been removed meanwhile.",
    };

    internal static RabbitBackupException Changed(ObjectPath path, Exception? inner = null) =>
        new(ErrorCode.StorageConflict, $"The object '{path}' has been changed or removed by somebody else; it was left as it is.", inner)
        {
            Target = path.ToString(),
            Hint = "Read it again and repeat the command.",
        };
}
