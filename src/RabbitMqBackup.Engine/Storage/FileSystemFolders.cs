namespace RabbitMqBackup.Engine.Storage;

/// <summary>The folders of a <see cref="FileSystemStore"/> and the temporary files in them. What is created here can be read by its owner only.</summary>
/// <param name="root">The store's folder, never deleted.</param>
/// <param name="time">The clock by which left-over files are old.</param>
internal sealed class FileSystemFolders(string root, TimeProvider time)
{
    /// <summary>Age at which a temporary file is taken for the rest of a killed run. A running put keeps touching its file.</summary>
    internal static readonly TimeSpan LeftOverAge = TimeSpan.FromHours(24);

    private const string Reserved = ".rabbitmqbackup-";
    private const string TemporarySuffix = ".tmp";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly HashSet<string> _cleaned = new(StringComparer.Ordinal);

    /// <summary>The file behind <see cref="FileSystemLock"/>.</summary>
    internal string LockFile { get; } = Path.Join(root, Reserved + "lock");

    /// <summary>Names that the store keeps for itself: temporary files and the lock. Listings leave them out, and no object can have one.</summary>
    internal static bool IsReserved(string name) => name.StartsWith(Reserved, StringComparison.OrdinalIgnoreCase);

    /// <summary>Options of a new file that nobody but its owner can read.</summary>
    internal static FileStreamOptions OwnersFile(FileMode mode, FileAccess access, FileShare share)
    {
        FileStreamOptions options = new() { Mode = mode, Access = access, Share = share, BufferSize = 0, Options = FileOptions.Asynchronous };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = OwnerOnly;
        }

        return options;
    }

    /// <summary>Creates a temporary file, and its folder where that is missing.</summary>
    internal static (string Path, FileStream Stream) CreateTemporary(string folder)
    {
        for (int attempt = 0; ; attempt++)
        {
            Create(folder);
            string file = Path.Join(folder, $"{Reserved}{Guid.NewGuid():n}{TemporarySuffix}");
            try
            {
                return (file, new FileStream(file, OwnersFile(FileMode.CreateNew, FileAccess.Write, FileShare.Read)));
            }
            catch (DirectoryNotFoundException) when (attempt < 20)
            {
                // A delete elsewhere took the folder for empty between the two calls.
            }
        }
    }

    /// <summary>The folder itself and, up to the first that exists already, those in which a new name will appear.</summary>
    internal static List<string> ToSync(string folder)
    {
        List<string> folders = [folder];
        for (string? current = folder; current is not null && !Directory.Exists(current);)
        {
            current = Path.GetDirectoryName(current);
            if (current is not null)
            {
                folders.Add(current);
            }
        }

        return folders;
    }

    /// <summary>Makes the names in a folder durable. Windows does that by itself.</summary>
    internal static void Sync(string folder)
    {
        if (!OperatingSystem.IsWindows())
        {
            PosixFile.SyncFolder(folder);
        }
    }

    /// <summary>Deletes a file that no listing shows; where that fails it is cleaned when it is old.</summary>
    internal static void DeleteQuietly(string? file)
    {
        try
        {
            if (file is not null)
            {
                File.Delete(file);
            }
        }
        catch (Exception exception) when (FileSystemErrors.IsKnown(exception))
        {
            // As said above.
        }
    }

    /// <summary>Once per folder and store object: deletes temporary files of runs that were killed long ago.</summary>
    internal void RemoveLeftOvers(string folder)
    {
        lock (_cleaned)
        {
            if (!_cleaned.Add(folder))
            {
                return;
            }
        }

        DateTime limit = (time.GetUtcNow() - LeftOverAge).UtcDateTime;
        try
        {
            foreach (string file in Directory.EnumerateFiles(folder, $"{Reserved}*{TemporarySuffix}", new EnumerationOptions { AttributesToSkip = 0 }))
            {
                if (File.GetLastWriteTimeUtc(file) < limit)
                {
                    DeleteQuietly(file);
                }
            }
        }
        catch (DirectoryNotFoundException)
        {
            // Not there yet, or not any more.
        }
    }

    /// <summary>Deletes a folder and those above it as long as nothing is in them.</summary>
    internal void RemoveEmpty(string folder)
    {
        while (folder.Length > root.Length)
        {
            lock (_cleaned)
            {
                _cleaned.Remove(folder);
            }

            try
            {
                RemoveLeftOvers(folder);
                Directory.Delete(folder, recursive: false);
            }
            catch (Exception exception) when (FileSystemErrors.IsKnown(exception))
            {
                // Not empty, or somebody is faster; a folder is no object, so nothing is wrong.
                return;
            }

            folder = Path.GetDirectoryName(folder)!;
        }
    }

    private static void Create(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else if (!Directory.Exists(folder))
        {
            // Level by level: the mode counts only for the last one that a call creates.
            if (Path.GetDirectoryName(folder) is { } parent)
            {
                Create(parent);
            }

            Directory.CreateDirectory(folder, OwnerOnly | UnixFileMode.UserExecute);
        }
    }
}
