using System.Runtime.InteropServices;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>Two calls of POSIX that .NET does not offer. Only for systems other than Windows.</summary>
internal static partial class PosixFile
{
    private const int Eexist = 17;
    private const int OpenReadOnly = 0;

    /// <summary>
    /// Gives <paramref name="existing"/> a second name, if that name is free: link(2), the one call that creates a whole file and fails when there is one.
    /// <see cref="File.Move(string, string)"/> is no substitute: on Unix it looks first and then renames, so that of two racers the second replaces the first.
    /// </summary>
    /// <returns>True: done. False: the name is taken. Null: this file system has no hard links (FAT, some network shares), or refused for another reason.</returns>
    internal static bool? TryLink(string existing, string name)
    {
        if (Link(existing, name) == 0)
        {
            return true;
        }

        return Marshal.GetLastPInvokeError() == Eexist ? false : null;
    }

    /// <summary>
    /// Makes the names in a folder durable: after a rename it is the folder that has to reach the disk. A file system that can't sync folders
    /// (some network shares answer EINVAL) is left to its own guarantees.
    /// </summary>
    internal static void SyncFolder(string folder)
    {
        int descriptor = Open(folder, OpenReadOnly);
        if (descriptor < 0)
        {
            return;
        }

        _ = Sync(descriptor);
        _ = Close(descriptor);
    }

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string existing, string name);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
