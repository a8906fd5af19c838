using System.Security.Cryptography;
using RabbitMqBackup.Engine.Storage;
using ZstdSharp;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>The definitions of a backup as an object: one zstd frame around the JSON that the broker exported.</summary>
internal static class DefinitionsBlob
{
    /// <summary>Where it lies below the backup's folder.</summary>
    internal const string Key = "definitions/definitions.json.zst";

    /// <summary>The largest definitions that are read, before and after decompression; a frame that grows beyond is taken for a bomb.</summary>
    internal const int MaxBytes = 512 << 20;

    internal static byte[] Pack(ReadOnlySpan<byte> json)
    {
        using Compressor compressor = new(3);
        return compressor.Wrap(json).ToArray();
    }

    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.BackupIncomplete"/> when it is not what the manifest says.</exception>
    internal static async Task<byte[]> UnpackAsync(Stream stored, DefinitionsEntry entry, string name, CancellationToken cancellationToken)
    {
        byte[] packed = await ReadAsync(stored, Math.Min(entry.StoredBytes, MaxBytes), name, cancellationToken).ConfigureAwait(false);
        if (packed.Length != entry.StoredBytes || Convert.ToHexString(SHA256.HashData(packed)).ToLowerInvariant() != entry.Sha256)
        {
            throw Wrong(name, $"its {packed.Length} bytes do not match the length and SHA-256 in the manifest");
        }

        try
        {
            using DecompressionStream stream = new(new MemoryStream(packed));
            return await ReadAsync(stream, MaxBytes, name, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is ZstdException or EndOfStreamException)
        {
            throw Wrong(name, "it is no zstd frame", exception);
        }
    }

    /// <summary>Reads to the end, growing with what comes, up to a limit.</summary>
    internal static async Task<byte[]> ReadAsync(Stream stream, long limit, string name, CancellationToken cancellationToken)
    {
        using MemoryStream bytes = new();
        byte[] buffer = new byte[64 << 10];
        while (await stream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false) is > 0 and int read)
        {
            if (bytes.Length + read > limit)
            {
                throw Wrong(name, $"it has more than {limit} bytes");
            }

            bytes.Write(buffer, 0, read);
        }

        return bytes.ToArray();
    }

    private static RabbitBackupException Wrong(string name, string what, Exception? inner = null) => new(ErrorCode.BackupIncomplete, $"'{name}' is damaged: {what}.", inner)
    {
        Target = name,
        Hint = "Take it from a copy of this backup, or use another backup.",
    };
}
