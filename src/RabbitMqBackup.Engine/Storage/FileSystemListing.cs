using System.Runtime.CompilerServices;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>Walks the folders of a <see cref="FileSystemStore"/> in the order of object keys, holding one folder's names per level.</summary>
internal sealed class FileSystemListing(string root, Func<FileInfo, ObjectPath, ObjectInfo> describe)
{
    // Hidden includes the names that start with a dot; all of it counts.
    private static readonly EnumerationOptions Everything = new() { AttributesToSkip = 0, IgnoreInaccessible = false, ReturnSpecialDirectories = false };

    /// <summary>Lists, as <see cref="IObjectStore.ListAsync"/> says.</summary>
    internal IAsyncEnumerable<ListEntry> ListAsync(string prefix, ListOptions options, CancellationToken cancellationToken)
    {
        int slash = prefix.LastIndexOf('/');
        string folderKey = slash < 0 ? "" : prefix[..slash];
        if (folderKey.Length > 0 && !ObjectPath.TryParse(folderKey, out _))
        {
            throw new ArgumentException($"'{prefix}' is not the beginning of an object path.", nameof(prefix));
        }

        return WalkAsync(folderKey, prefix[(slash + 1)..], options, cancellationToken);
    }

    /// <summary>One folder's objects and, unless delimited, those of the folders in it. <paramref name="folderKey"/> is empty for the root; names must start with <paramref name="start"/>.</summary>
    private async IAsyncEnumerable<ListEntry> WalkAsync(string folderKey, string start, ListOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (LeadsOut(folderKey))
        {
            yield break;
        }

        // Off the caller's thread: a folder on a slow share blocks.
        List<(string Key, FileInfo? File)> rows = await Task.Run(() => Read(folderKey, start), cancellationToken).ConfigureAwait(false);
        foreach ((string key, FileInfo? file) in rows)
        {
            cancellationToken.ThrowIfCancellationRequested();
            bool passed = options.StartAfter is { } after && ObjectOrder.Instance.Compare(key, after) <= 0;
            if (file is not null)
            {
                if (!passed && Describe(file, key) is { } info)
                {
                    yield return new ListEntry(key, info);
                }
            }
            else if (options.Delimited)
            {
                if (!passed && HoldsObject(key))
                {
                    yield return new ListEntry(key, null);
                }
            }
            else if (!passed || options.StartAfter!.StartsWith(key, StringComparison.Ordinal))
            {
                await foreach (ListEntry entry in WalkAsync(key[..^1], "", options, cancellationToken).ConfigureAwait(false))
                {
                    yield return entry;
                }
            }
        }
    }

    /// <summary>
    /// The folder, or one above it, is a link. What lies behind it is not the store's: it must neither count as what a backup left behind nor be removed with it. An object can be read through a link
    /// all the same, so that a backup may be moved to another disk.
    /// </summary>
    private bool LeadsOut(string folderKey)
    {
        for (int end = folderKey.Length; end > 0; end = folderKey.LastIndexOf('/', end - 1))
        {
            if (new DirectoryInfo(FileSystemStore.FilePath(root, folderKey[..end])).LinkTarget is not null)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The rows of one folder in order; a folder's key ends with a slash, which decides where it stands among its neighbours.</summary>
    private List<(string Key, FileInfo? File)> Read(string folderKey, string start)
    {
        List<(string Key, FileInfo? File)> rows = [];
        try
        {
            foreach (FileSystemInfo entry in new DirectoryInfo(FileSystemStore.FilePath(root, folderKey)).EnumerateFileSystemInfos("*", Everything))
            {
                string key = folderKey.Length == 0 ? entry.Name : $"{folderKey}/{entry.Name}";
                if (entry.Name.StartsWith(start, StringComparison.Ordinal) && !FileSystemFolders.IsReserved(entry.Name) && ObjectPath.TryParse(key, out _))
                {
                    rows.Add(entry is FileInfo file ? (key, file) : (key + "/", null));
                }
            }
        }
        catch (DirectoryNotFoundException)
        {
            // Not there (any more): as in an object store, a prefix without objects is an empty listing.
        }
        catch (IOException) when (File.Exists(FileSystemStore.FilePath(root, folderKey)))
        {
            // An object, not a folder: nothing lies below it.
        }
        catch (Exception exception) when (FileSystemErrors.IsKnown(exception))
        {
            throw FileSystemErrors.Translate(exception, folderKey.Length == 0 ? root : folderKey, root);
        }

        rows.Sort((left, right) => ObjectOrder.Instance.Compare(left.Key, right.Key));
        return rows;
    }

    /// <summary>Folders that hold nothing but left-overs are no common prefix.</summary>
    private bool HoldsObject(string folderKey)
    {
        List<(string Key, FileInfo? File)> rows = Read(folderKey[..^1], "");
        return rows.Exists(row => row.File is not null) || rows.Exists(row => HoldsObject(row.Key));
    }

    private ObjectInfo? Describe(FileInfo file, string key)
    {
        try
        {
            return describe(file, ObjectPath.Parse(key));
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (Exception exception) when (FileSystemErrors.IsKnown(exception))
        {
            throw FileSystemErrors.Translate(exception, key, root);
        }
    }
}
