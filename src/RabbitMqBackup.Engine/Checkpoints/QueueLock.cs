using System.Security.Cryptography;
using System.Text;

namespace RabbitMqBackup.Engine.Checkpoints;

/// <summary>
/// Keeps two runs of one machine from reading a queue at the same moment, when neither can see the other on the broker yet and each would give back what the other reads next. A file beside the checkpoints, which the
/// operating system locks and unlocks, however the process ends.
/// </summary>
internal sealed class QueueLock : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private readonly FileStream? _file;

    private QueueLock(FileStream? file) => _file = file;

    /// <summary>Takes the lock, or waits for it.</summary>
    /// <param name="folder">The folder of the checkpoints; null for the default.</param>
    /// <param name="cluster">The cluster's name.</param>
    /// <param name="queue">Virtual host and name.</param>
    /// <param name="patience">How long another run may keep it.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The lock, also where the folder can't be used: then there is none to be had. Null where another run keeps it.</returns>
    internal static async Task<QueueLock?> TakeAsync(string? folder, string cluster, string queue, TimeSpan patience, TimeProvider time, CancellationToken cancellationToken)
    {
        string file = Path.Join(folder ?? CheckpointFolder.Default, $"reading-{Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes($"{cluster}\n{queue}")), 0, 16).ToLowerInvariant()}.lock");
        for (long start = time.GetTimestamp(); ;)
        {
            try
            {
                return new QueueLock(new FileStream(file, new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None, Options = FileOptions.DeleteOnClose }));
            }
            catch (IOException exception) when (IsLocked(exception))
            {
                if (time.GetElapsedTime(start) > patience)
                {
                    return null;
                }
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                return new QueueLock(null);
            }

            await Task.Delay(Pause, time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file?.Dispose();

    /// <summary>ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION; elsewhere EAGAIN of flock, which is 35 on macOS.</summary>
    private static bool IsLocked(IOException exception) => OperatingSystem.IsWindows() ? (exception.HResult & 0xFFFF) is 32 or 33 : exception.HResult is 11 or 35;
}
