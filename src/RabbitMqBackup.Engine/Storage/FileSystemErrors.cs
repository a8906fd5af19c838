namespace RabbitMqBackup.Engine.Storage;

/// <summary>What a file system's exceptions mean in the engine's terms, by type and error number.</summary>
internal static class FileSystemErrors
{
    // HResult is errno on Unix for what .NET has no exception type for, and 0x8007xxxx on Windows.
    private const int Enospc = 28;
    private const int Erofs = 30;
    private const int Eexist = 17;
    private const int Enotdir = 20;
    private const int WindowsAlreadyExists = unchecked((int)0x800700B7);
    private static readonly int Edquot = OperatingSystem.IsMacOS() ? 69 : 122;
    private const int WindowsWriteProtect = unchecked((int)0x80070013);
    private const int WindowsHandleDiskFull = unchecked((int)0x80070027);
    private const int WindowsDiskFull = unchecked((int)0x80070070);
    private const int WindowsQuota = unchecked((int)0x8007050F);

    /// <summary>True for what <see cref="Translate"/> takes.</summary>
    internal static bool IsKnown(Exception exception) => exception is IOException or UnauthorizedAccessException;

    /// <summary>Translates what writing <paramref name="target"/> threw: what it does not find is not the object, which it is about to make.</summary>
    /// <inheritdoc cref="Translate"/>
    internal static RabbitBackupException TranslateWrite(Exception exception, string target, string root) =>
        exception is FileNotFoundException or DirectoryNotFoundException
            ? new(ErrorCode.StorageUnavailable, $"'{target}' in '{root}' can't be written: its folder can't be made, or went away. {exception.Message}", exception)
            {
                Target = target,
                Hint = "Check the path, and the drive, mount or network share that it is on.",
            }
            : Translate(exception, target, root);

    /// <summary>Translates what a call on <paramref name="target"/> threw.</summary>
    /// <param name="exception">One that <see cref="IsKnown"/>.</param>
    /// <param name="target">The object's path, or the file's.</param>
    /// <param name="root">The store's folder, for who reads the error; null where the target names it.</param>
    internal static RabbitBackupException Translate(Exception exception, string target, string? root = null)
    {
        string place = root is null || root == target ? $"'{target}'" : $"'{target}' in '{root}'";
        int number = exception.HResult;
        bool windows = OperatingSystem.IsWindows();
        if (exception is UnauthorizedAccessException || number == (windows ? WindowsWriteProtect : Erofs))
        {
            return new(ErrorCode.StorageAccessDenied, $"{place} can't be accessed: the file system refuses it.", exception)
            {
                Target = target,
                Hint = "Check the rights of the folder and whether it is mounted read-only, or choose another store.",
            };
        }

        if (windows ? number is WindowsDiskFull or WindowsHandleDiskFull or WindowsQuota : number == Enospc || number == Edquot)
        {
            return new(ErrorCode.StorageUnavailable, $"{place} can't be written: the disk is full or the quota is used up.", exception)
            {
                Target = target,
                Hint = "Make room, for instance by removing old backups, or choose another store.",
            };
        }

        if (windows ? number == WindowsAlreadyExists : number is Eexist or Enotdir)
        {
            return new(ErrorCode.StorageUnavailable, $"{place} can't be read or written: a file stands where the store needs a folder. {exception.Message}", exception)
            {
                Target = target,
                Hint = "Give a folder as the store, or remove the file.",
            };
        }

        return exception is FileNotFoundException or DirectoryNotFoundException
            ? StoreErrors.NotFound(target, exception)
            : new(ErrorCode.StorageUnavailable, $"{place} can't be read or written: {exception.Message}", exception)
            {
                Target = target,
                IsTransient = exception is not PathTooLongException,
                Hint = "Check the disk or the network share that the store is on.",
            };
    }
}
