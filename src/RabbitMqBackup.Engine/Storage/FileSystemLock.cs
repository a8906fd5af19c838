namespace RabbitMqBackup.Engine.Storage;

/// <summary>
/// One writer at a time among those that replace or delete objects of a folder store, over all processes: an empty file opened without sharing. The operating
/// system gives it back when the process ends, however it ends; so the file stays and is never stale. On a share without locks it has no effect across machines.
/// </summary>
internal static class FileSystemLock
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    internal static async Task<IDisposable> TakeAsync(string file, CancellationToken cancellationToken)
    {
        FileStreamOptions options = FileSystemFolders.OwnersFile(FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        long end = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        while (true)
        {
            try
            {
                return new FileStream(file, options);
            }
            catch (IOException exception) when (exception.GetType() == typeof(IOException) && !IsFull(exception) && Environment.TickCount64 < end)
            {
                await Task.Delay(Random.Shared.Next(2, 12), cancellationToken).ConfigureAwait(false);
            }
            catch (Exception exception) when (FileSystemErrors.IsKnown(exception))
            {
                throw FileSystemErrors.Translate(exception, file);
            }
        }
    }

    private static bool IsFull(IOException exception) => !FileSystemErrors.Translate(exception, "").IsTransient;
}
