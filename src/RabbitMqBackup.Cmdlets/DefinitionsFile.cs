using RabbitMqBackup.Engine;
using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Cmdlets;

/// <summary>A file on a person's disk with definitions, as RabbitMQ's own tools read and write it, or with the record of an import.</summary>
/// <param name="path">Its full path.</param>
internal sealed class DefinitionsFile(string path)
{
    // 10,000 queues with 20,000 bindings are some 8 MB; what is a hundred times that is no definitions file.
    private const long MaxBytes = 512 << 20;

    /// <summary>Reads it.</summary>
    /// <exception cref="ArgumentException">It can't be read, with the reason.</exception>
    /// <exception cref="RabbitBackupException">It can't be understood, with the place.</exception>
    internal async Task<DefinitionsDocument> ReadAsync(CancellationToken cancellationToken) => DefinitionsDocument.Parse(await ReadBytesAsync(cancellationToken).ConfigureAwait(false), path);

    /// <summary>Reads the record of an import.</summary>
    /// <exception cref="ArgumentException">It can't be read, with the reason.</exception>
    /// <exception cref="RabbitBackupException">It can't be understood.</exception>
    internal async Task<ImportReport> ReadReportAsync(CancellationToken cancellationToken) => ImportReportFile.Read(await ReadBytesAsync(cancellationToken).ConfigureAwait(false), path);

    private async Task<byte[]> ReadBytesAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > MaxBytes })
            {
                throw new ArgumentException($"'{path}' is too large for a definitions file.");
            }

            return await File.ReadAllBytesAsync(path, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ArgumentException($"'{path}' can't be read: {failure.Message}", failure);
        }
    }

    /// <summary>Writes it: whole or not at all, and for the user alone, since it holds password hashes.</summary>
    /// <exception cref="ArgumentException">It can't be written, with the reason.</exception>
    internal async Task WriteAsync(ReadOnlyMemory<byte> content, bool replace, CancellationToken cancellationToken)
    {
        string partial = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            FileStreamOptions options = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            await using (FileStream file = new(partial, options))
            {
                await file.WriteAsync(content, cancellationToken).ConfigureAwait(false);
            }

            File.Move(partial, path, replace);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            string remedy = File.Exists(path) && !replace ? "it is there already; -Force replaces it." : failure.Message;
            throw new ArgumentException($"'{path}' can't be written: {remedy}", failure);
        }
        finally
        {
            // Without effect once it has its own name.
            File.Delete(partial);
        }
    }
}
