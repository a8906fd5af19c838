using System.Buffers;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>
/// A folder as a store: each object is a file at its path. A put writes a temporary file in the same folder, flushes it to the disk and then gives it its name, so that
/// an object is there as a whole or not at all; on Unix the folder is flushed as well. What it creates can be read by its owner only, since a backup holds customer data and password hashes.
/// Paths longer than Windows' 260 characters work: .NET extends them by itself.
/// </summary>
internal sealed class FileSystemStore : IObjectStore
{
    private const int BufferBytes = 128 << 10;

    private readonly string _root;
    private readonly FileSystemFolders _folders;

    /// <param name="root">The folder's full path. It is created by the first put.</param>
    /// <param name="time">The clock by which left-over files are old; null for the system's.</param>
    internal FileSystemStore(string root, TimeProvider? time = null)
    {
        _root = root;
        _folders = new FileSystemFolders(root, time ?? TimeProvider.System);
    }

    /// <summary>False makes the store behave as on a file system without hard links, for tests (default true: the file system decides).</summary>
    internal bool HardLinks { get; init; } = true;

    /// <inheritdoc/>
    public string DisplayUri => _root;

    /// <inheritdoc/>
    public StoreCapabilities Capabilities => StoreCapabilities.CreateOnly | StoreCapabilities.IfVersion;

    /// <inheritdoc/>
    public async Task<ObjectInfo> PutAsync(ObjectPath path, Stream content, PutOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(content);
        options.Check();
        string file = Locate(path);
        string folder = Path.GetDirectoryName(file)!;
        string? temporary = null;
        try
        {
            if (options.CreateOnly ? Path.Exists(file) : Directory.Exists(file))
            {
                throw StoreErrors.AlreadyThere(path);
            }

            _folders.RemoveLeftOvers(folder);
            List<string> changedFolders = FileSystemFolders.ToSync(folder);
            (temporary, FileStream target) = FileSystemFolders.CreateTemporary(folder);
            await using (target.ConfigureAwait(false))
            {
                using PutContent source = new(path, content, options);
                await CopyAsync(source, target, cancellationToken).ConfigureAwait(false);

                // By our clock to 100 ns: the kernel stamps only every few milliseconds, and the time is half of the version.
                File.SetLastWriteTimeUtc(target.SafeFileHandle, DateTime.UtcNow);
                target.Flush(flushToDisk: true);
            }

            ObjectInfo stored = await PublishAsync(path, temporary, file, options, cancellationToken).ConfigureAwait(false);
            changedFolders.ForEach(FileSystemFolders.Sync);
            return stored;
        }
        catch (Exception exception) when (FileSystemErrors.IsKnown(exception))
        {
            throw FileSystemErrors.TranslateWrite(exception, path.ToString(), _root);
        }
        finally
        {
            FileSystemFolders.DeleteQuietly(temporary);
        }
    }

    /// <inheritdoc/>
    public Task<Stream> OpenReadAsync(ObjectPath path, ByteRange? range, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        range?.Check();
        string file = Locate(path);
        try
        {
            if (Directory.Exists(file))
            {
                throw StoreErrors.NotFound(path.ToString());
            }

            // Delete is shared, so that a removal or a replacement does not fail on Windows because somebody reads.
            FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, BufferBytes, FileOptions.Asynchronous | FileOptions.SequentialScan);
            stream.Seek(Math.Min(range?.Offset ?? 0, stream.Length), SeekOrigin.Begin);
            return Task.FromResult<Stream>(new ObjectStream(
                stream,
                range?.Length,
                exception => FileSystemErrors.IsKnown(exception) ? FileSystemErrors.Translate(exception, path.ToString(), _root) : null));
        }
        catch (Exception exception) when (FileSystemErrors.IsKnown(exception))
        {
            throw FileSystemErrors.Translate(exception, path.ToString(), _root);
        }
    }

    /// <inheritdoc/>
    public Task<ObjectInfo?> HeadAsync(ObjectPath path, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        FileInfo file = new(Locate(path));
        try
        {
            return Task.FromResult(file.Exists ? Describe(file, path) : null);
        }
        catch (FileNotFoundException)
        {
            return Task.FromResult<ObjectInfo?>(null);
        }
        catch (Exception exception) when (FileSystemErrors.IsKnown(exception))
        {
            throw FileSystemErrors.Translate(exception, path.ToString(), _root);
        }
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<ListEntry> ListAsync(string prefix, ListOptions options, CancellationToken cancellationToken) =>
        new FileSystemListing(_root, Describe).ListAsync(prefix, options, cancellationToken);

    /// <inheritdoc/>
    public async Task DeleteAsync(ObjectPath path, string? ifVersion, CancellationToken cancellationToken)
    {
        string file = Locate(path);
        if (!File.Exists(file))
        {
            return;
        }

        try
        {
            using (await LockForDeleteAsync(cancellationToken).ConfigureAwait(false))
            {
                FileInfo current = new(file);
                if (ifVersion is not null && current.Exists && Describe(current, path).Version != ifVersion)
                {
                    throw StoreErrors.Changed(path);
                }

                File.Delete(file);
            }

            _folders.RemoveEmpty(Path.GetDirectoryName(file)!);
        }
        catch (DirectoryNotFoundException)
        {
            // Somebody else deleted it with its folder.
        }
        catch (Exception exception) when (FileSystemErrors.IsKnown(exception))
        {
            throw FileSystemErrors.Translate(exception, path.ToString(), _root);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    internal static string FilePath(string root, string key) => key.Length == 0 ? root : Path.Join(root, OperatingSystem.IsWindows() ? key.Replace('/', '\\') : key);

    private static ObjectInfo Describe(FileInfo file, ObjectPath path)
    {
        long ticks = file.LastWriteTimeUtc.Ticks;
        return new ObjectInfo(path, file.Length, new DateTimeOffset(ticks, TimeSpan.Zero), $"{file.Length:x}-{ticks:x}");
    }

    private static async Task CopyAsync(PutContent content, FileStream target, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            while (await content.NextAsync(buffer, cancellationToken).ConfigureAwait(false) is { IsEmpty: false } bytes)
            {
                await target.WriteAsync(bytes, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Gives the finished temporary file its name, under the conditions of the put.</summary>
    private async Task<ObjectInfo> PublishAsync(ObjectPath path, string temporary, string file, PutOptions options, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ObjectInfo stored = Describe(new FileInfo(temporary), path);
        if (options.CreateOnly && await TryCreateAsync(temporary, file, cancellationToken).ConfigureAwait(false) is { } created)
        {
            return created ? stored : throw StoreErrors.AlreadyThere(path);
        }

        using (await LockAsync(cancellationToken).ConfigureAwait(false))
        {
            FileInfo current = new(file);
            string? version = current.Exists ? Describe(current, path).Version : null;
            if (options.CreateOnly && Path.Exists(file))
            {
                throw StoreErrors.AlreadyThere(path);
            }

            if (options.IfVersion is not null && options.IfVersion != version)
            {
                throw StoreErrors.Changed(path);
            }

            if (stored.Version == version)
            {
                // Same length in the same tick; two seconds are seen even by FAT's clock.
                File.SetLastWriteTimeUtc(temporary, current.LastWriteTimeUtc.AddSeconds(2));
                stored = Describe(new FileInfo(temporary), path);
            }

            File.Move(temporary, file, overwrite: true);
            return stored;
        }
    }

    /// <summary>Creates without a lock: true or false, or null where the file system can't and the lock has to do.</summary>
    private async Task<bool?> TryCreateAsync(string temporary, string file, CancellationToken cancellationToken)
    {
        if (!OperatingSystem.IsWindows())
        {
            return HardLinks ? PosixFile.TryLink(temporary, file) : null;
        }

        // On Windows a move without replacing is one atomic call.
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                File.Move(temporary, file, overwrite: false);
                return true;
            }
            catch (IOException) when (Path.Exists(file))
            {
                return false;
            }
            catch (Exception exception) when (exception is UnauthorizedAccessException or IOException && attempt < 5)
            {
                // Virus scanners and indexers hold new files for a moment.
                await Task.Delay(20 << attempt, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>
    /// The lock; or null on a full disk where there is no file of it yet: nobody can hold it then, or take it. Deleting is what makes room, and gives back the lease of a run that the full disk ended.
    /// </summary>
    private async Task<IDisposable?> LockForDeleteAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await LockAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (exception is { Code: ErrorCode.StorageUnavailable, IsTransient: false } && !File.Exists(_folders.LockFile))
        {
            return null;
        }
    }

    private Task<IDisposable> LockAsync(CancellationToken cancellationToken) => FileSystemLock.TakeAsync(_folders.LockFile, cancellationToken);

    private string Locate(ObjectPath path)
    {
        string key = path.ToString();
        foreach (string name in key.Split('/'))
        {
            if (name.Length == 0 || FileSystemFolders.IsReserved(name) || (OperatingSystem.IsWindows() && WindowsNames.Refuses(name)))
            {
                throw new RabbitBackupException(ErrorCode.StorageUnavailable, $"'{key}' can't be a file: this store has no file of the name '{name}'.")
                {
                    Target = key,
                    Hint = "Choose another name, or another kind of store.",
                };
            }
        }

        return FilePath(_root, key);
    }
}
