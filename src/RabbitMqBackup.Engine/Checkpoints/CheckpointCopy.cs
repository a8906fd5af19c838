using System.Security.Cryptography;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Checkpoints;

/// <summary>
/// The copy of a checkpoint in the store: the database as SQLite's own file format, followed by <c>RBCK</c> and the SHA-256 of all before (36 bytes that SQLite ignores), so
/// that an altered or cut copy is noticed before SQLite sees it.
/// </summary>
internal static class CheckpointCopy
{
    /// <summary>The largest copy that is read: some 500,000 queues.</summary>
    internal const int MaxBytes = 512 << 20;

    private const int SealBytes = 36;
    private static ReadOnlySpan<byte> Mark => "RBCK"u8;

    /// <summary>Adds the seal.</summary>
    internal static byte[] Seal(byte[] database)
    {
        byte[] copy = new byte[database.Length + SealBytes];
        database.CopyTo(copy, 0);
        Mark.CopyTo(copy.AsSpan(database.Length));
        SHA256.HashData(copy.AsSpan(0, database.Length + Mark.Length), copy.AsSpan(database.Length + Mark.Length));
        return copy;
    }

    /// <summary>Checks the seal; what comes back is the database.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.CheckpointDamaged"/>.</exception>
    internal static ReadOnlyMemory<byte> Unseal(ReadOnlyMemory<byte> copy, string name)
    {
        int length = copy.Length - SealBytes;
        ReadOnlySpan<byte> bytes = copy.Span;
        if (length < 0 || !bytes.Slice(length, Mark.Length).SequenceEqual(Mark))
        {
            throw CheckpointErrors.Damaged(name, $"its last bytes are not a checksum, so it was cut or altered at its end (byte {copy.Length})");
        }

        return bytes[(length + Mark.Length)..].SequenceEqual(SHA256.HashData(bytes[..(length + Mark.Length)]))
            ? copy[..length]
            : throw CheckpointErrors.Damaged(name, $"bytes 0 to {length - 1} do not match the checksum in the {SealBytes} bytes behind them");
    }

    /// <summary>Stores the checkpoint as it stands; an older copy is replaced.</summary>
    internal static async Task<ObjectInfo> PutAsync(CheckpointDatabase database, IObjectStore store, ObjectPath path, CancellationToken cancellationToken)
    {
        byte[] copy = Seal(database.Snapshot());
        return await store.PutAsync(path, new MemoryStream(copy, writable: false), new PutOptions { Sha256 = SHA256.HashData(copy) }, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Fetches the copy into a file of its own; false where the store has none.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.CheckpointDamaged"/>, or the store failed.</exception>
    internal static async Task<bool> GetAsync(IObjectStore store, ObjectPath path, string file, CancellationToken cancellationToken)
    {
        if (await ReadAsync(store, path, cancellationToken).ConfigureAwait(false) is not { } database)
        {
            return false;
        }

        CheckpointFolder.Delete(file);
        CheckpointFolder.Create(file);
        try
        {
            FileStream target = new(file, FileMode.Create, FileAccess.Write);
            await using (target.ConfigureAwait(false))
            {
                await target.WriteAsync(database, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw CheckpointErrors.Unavailable(file, "it can't be written", "Give another folder with -CheckpointPath, one that you may write to.", exception);
        }

        return true;
    }

    /// <summary>Checks the copy in the store, where there is one.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.CheckpointDamaged"/>, or the store failed.</exception>
    internal static Task CheckAsync(IObjectStore store, ObjectPath path, CancellationToken cancellationToken) => ReadAsync(store, path, cancellationToken);

    /// <summary>The database in the copy, checked; null where the store has none.</summary>
    private static async Task<ReadOnlyMemory<byte>?> ReadAsync(IObjectStore store, ObjectPath path, CancellationToken cancellationToken)
    {
        MemoryStream copy = new();
        try
        {
            Stream stored = await store.OpenReadAsync(path, null, cancellationToken).ConfigureAwait(false);
            await using (stored.ConfigureAwait(false))
            {
                byte[] buffer = new byte[64 << 10];
                int read;
                while ((read = await stored.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
                {
                    if (copy.Length + read > MaxBytes)
                    {
                        throw CheckpointErrors.Damaged(path.ToString(), $"it has more than {MaxBytes} bytes");
                    }

                    copy.Write(buffer, 0, read);
                }
            }
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.ObjectNotFound)
        {
            return null;
        }

        return Unseal(copy.GetBuffer().AsMemory(0, (int)copy.Length), path.ToString());
    }
}
