using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Cmdlets;

/// <summary>A definitions file on a person's disk, as RabbitMQ's own tools read and write it.</summary>
/// <param name="path">Its full path.</param>
internal sealed class DefinitionsFile(string path)
{
    // RabbitMQ itself takes no larger request body by default (20,000,000 bytes); more is no definitions file.
    private const long MaxBytes = 64 << 20;

    /// <summary>Reads it.</summary>
    /// <exception cref="ArgumentException">It can't be read, with the reason.</exception>
    internal async Task<DefinitionsDocument> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > MaxBytes })
            {
                throw new ArgumentException($"'{path}' is too large for a definitions file.");
            }

            return DefinitionsDocument.Parse(await File.ReadAllBytesAsync(path, cancellationToken).ConfigureAwait(false), path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ArgumentException($"'{path}' can't be read: {failure.Message}", failure);
        }
    }

    /// <summary>Writes it: whole or not at all, and for the user alone, since it holds password hashes.</summary>
    /// <exception cref="ArgumentException">It can't be written, with the reason.</exception>
    internal async Task WriteAsync(DefinitionsDocument document, bool replace, CancellationToken cancellationToken)
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
                await file.WriteAsync(document.ToJson(), cancellationToken).ConfigureAwait(false);
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
