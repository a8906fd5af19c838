namespace RabbitMqBackup.Engine.Storage;

/// <summary>Reads the body of a store's answer that is XML or JSON. What a store sends is not trusted: it ends at a cap.</summary>
internal static class WholeAnswer
{
    /// <summary>A page of a listing has some megabytes at most: 1,000 rows with keys of 1,024 bytes.</summary>
    private const int MaxBytes = 32 << 20;

    /// <summary>Reads to the end.</summary>
    /// <exception cref="IOException">It has more than 32 MiB, or the connection broke.</exception>
    internal static async Task<byte[]> ReadAsync(HttpContent content, CancellationToken cancellationToken)
    {
        using Stream stream = await content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        using MemoryStream all = new();
        byte[] buffer = new byte[16 << 10];
        for (int read; (read = await stream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0;)
        {
            if (all.Length + read > MaxBytes)
            {
                throw new IOException($"The answer has more than {MaxBytes} bytes.");
            }

            all.Write(buffer, 0, read);
        }

        return all.ToArray();
    }
}
