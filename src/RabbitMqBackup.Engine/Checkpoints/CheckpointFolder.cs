using System.Security.Cryptography;
using System.Text;

namespace RabbitMqBackup.Engine.Checkpoints;

/// <summary>Where the checkpoint files of this machine lie, and which is whose.</summary>
internal static class CheckpointFolder
{
    /// <summary>The default: a folder in the user's local data, e.g. <c>~/.local/share/RabbitMqBackup/checkpoints</c>; empty for an account that has none.</summary>
    internal static string Default =>
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify) is { Length: > 0 } data
            ? Path.Join(data, "RabbitMqBackup", "checkpoints")
            : "";

    /// <summary>
    /// The file of one job: same kind, id and target give the same file, and no other does. The hash keeps stores apart that have backups of one name.
    /// </summary>
    /// <param name="folder">Null for the default.</param>
    /// <param name="kind">What runs, e.g. <c>backup</c>.</param>
    /// <param name="id">The backup's id.</param>
    /// <param name="target">What else tells jobs apart: the store's display URI, the cluster that is restored to.</param>
    /// <exception cref="RabbitBackupException">There is no default.</exception>
    internal static string FileOf(string? folder, string kind, string id, string target)
    {
        string root = folder ?? Default;
        if (root.Length == 0)
        {
            throw new RabbitBackupException(ErrorCode.CheckpointUnavailable, "This account has no folder for local data, so the checkpoint has no place.")
            {
                Hint = "Say with -CheckpointPath where it can be.",
            };
        }

        string hash = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(target)), 0, 6).ToLowerInvariant();
        return Path.GetFullPath(Path.Join(root, $"{kind}-{id}-{hash}.db"));
    }

    /// <summary>Deletes a checkpoint whose job has come to its end. What can't be deleted stays; it does no harm.</summary>
    internal static void Delete(string file)
    {
        foreach (string part in (string[])[file, file + "-wal", file + "-shm", file + "-journal"])
        {
            try
            {
                File.Delete(part);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // The next run of the same job says so where it matters.
            }
        }
    }

    /// <summary>Makes the folder of a checkpoint, and the file itself where it is missing, readable by its owner only.</summary>
    internal static void Create(string file)
    {
        try
        {
            string folder = Path.GetDirectoryName(file)!;
            if (OperatingSystem.IsWindows())
            {
                Directory.CreateDirectory(folder);
                return;
            }

            if (!Directory.Exists(folder))
            {
                Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }

            // SQLite would make it readable by all, and gives its log the rights of the file. One that is there is not touched: closing it here would drop the locks
            // that this process holds on it (POSIX).
            if (!File.Exists(file))
            {
                new FileStream(file, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }).Dispose();
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw CheckpointErrors.Unavailable(file, "its folder can't be created, or not be written to", "Give another folder with -CheckpointPath, one that you may write to.", exception);
        }
    }
}
