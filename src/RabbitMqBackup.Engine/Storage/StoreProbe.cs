using System.Security.Cryptography;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>
/// Tries whether a store can do what a backup needs: write, also in parts, read back, keep conditions, lock where that is asked for, list, delete. It uses objects of its own below <c>_probe/</c> and deletes them. They get
/// no lock, but for one of a single byte where the store is to lock backups: a version of that stays in the store until its lock ends.
/// </summary>
public static class StoreProbe
{
    private const string Folder = "_probe/";

    // Just more than the cloud stores send in one piece.
    private const int PartedBytes = (8 << 20) + (64 << 10);

    /// <summary>Tries everything, in order, also after a failure where that still means something.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static async Task<IReadOnlyList<StoreProbeStep>> RunAsync(BackupStore store, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(store);
        await using IObjectStore objects = store.Open();
        string name = $"{Folder}{Guid.NewGuid():n}";
        ObjectPath path = ObjectPath.Parse(name), parted = ObjectPath.Parse($"{name}-parts"), locked = ObjectPath.Parse($"{name}-lock");
        byte[] content = RandomNumberGenerator.GetBytes(100_000);
        List<StoreProbeStep> steps = [];
        bool written = await TryAsync("write", true, "Nothing can be written", async () =>
        {
            await PutAsync(objects, path, content, new PutOptions { CreateOnly = true, Sha256 = SHA256.HashData(content) }, cancellationToken).ConfigureAwait(false);
            return null;
        }).ConfigureAwait(false);
        if (written)
        {
            await TryAsync("read back", true, "What was written can't be read", () => ReadBackAsync(objects, path, content, cancellationToken)).ConfigureAwait(false);
            await TryAsync("create only", true, "Two runs could write over each other's backups", () => MeetsConflictAsync(
                () => PutAsync(objects, path, [1], new PutOptions { CreateOnly = true }, cancellationToken),
                "the condition of a create-only put is ignored: use -S3Compatibility, or a store that honours If-None-Match")).ConfigureAwait(false);
            await TryAsync("replace by version", false, "Leases are not safe against races", () => MeetsConflictAsync(
                () => PutAsync(objects, path, [1], new PutOptions { IfVersion = "0000000000000000" }, cancellationToken),
                "the condition of a versioned put is ignored")).ConfigureAwait(false);
            await TryAsync("write in parts", true, "What is larger than 8 MiB can't be written", () => WriteInPartsAsync(objects, parted, cancellationToken)).ConfigureAwait(false);
            if (objects.Capabilities.HasFlag(StoreCapabilities.Retains))
            {
                await TryAsync("lock", true, "What a backup is made of can't be locked as this store is set up", async () =>
                {
                    await PutAsync(objects, locked, [1], new PutOptions { CreateOnly = true, Retain = true }, cancellationToken).ConfigureAwait(false);
                    return null;
                }).ConfigureAwait(false);
            }
        }

        await TryAsync("list", true, "Backups can't be found", () => ListAsync(objects, written ? path : null, cancellationToken)).ConfigureAwait(false);
        if (written)
        {
            await TryAsync("delete", false, "Retention can't remove backups, and leases stay behind", async () =>
            {
                foreach (ObjectPath made in new[] { parted, path, locked })
                {
                    await objects.DeleteAsync(made, null, cancellationToken).ConfigureAwait(false);
                }

                return await objects.HeadAsync(path, cancellationToken).ConfigureAwait(false) is null ? null : "a deleted object is still there";
            }).ConfigureAwait(false);
        }

        return steps;

        async Task<bool> TryAsync(string what, bool isRequired, string consequence, Func<Task<string?>> attempt)
        {
            try
            {
                string? complaint = await attempt().ConfigureAwait(false);
                steps.Add(new StoreProbeStep(what, complaint is null, isRequired, complaint is null ? "" : $"{consequence}: {complaint}."));
                return complaint is null;
            }
            catch (RabbitBackupException failure)
            {
                steps.Add(new StoreProbeStep(what, false, isRequired, $"{consequence}: {failure.Message}") { Failure = failure });
                return false;
            }
        }
    }

    /// <summary>The error that the steps add up to, or null where the store can take backups.</summary>
    public static RabbitBackupException? Verdict(BackupStore store, IReadOnlyList<StoreProbeStep> steps)
    {
        List<StoreProbeStep> missing = [.. steps.Where(step => step is { Passed: false, IsRequired: true })];
        if (missing.Count == 0)
        {
            return null;
        }

        RabbitBackupException? first = missing[0].Failure;
        return new RabbitBackupException(first?.Code ?? ErrorCode.StorageUnavailable, $"'{store}' can't take backups. {string.Join(" ", missing.Select(step => step.Message))}", first)
        {
            Target = store.DisplayUri,
            Hint = first?.Hint ?? "Change the store's settings, or choose another store.",
        };
    }

    private static Task<ObjectInfo> PutAsync(IObjectStore objects, ObjectPath path, byte[] content, PutOptions options, CancellationToken cancellationToken) =>
        objects.PutAsync(path, new MemoryStream(content, writable: false), options, cancellationToken);

    private static async Task<string?> ReadBackAsync(IObjectStore objects, ObjectPath path, byte[] content, CancellationToken cancellationToken)
    {
        byte[] whole = await ReadAsync(objects, path, null, cancellationToken).ConfigureAwait(false);
        if (!content.AsSpan().SequenceEqual(whole))
        {
            return "other bytes came back than were written";
        }

        byte[] part = await ReadAsync(objects, path, new ByteRange(50_000, 10), cancellationToken).ConfigureAwait(false);
        return content.AsSpan(50_000, 10).SequenceEqual(part) ? null : "a part of an object that is asked for comes back as something else";
    }

    private static async Task<string?> WriteInPartsAsync(IObjectStore objects, ObjectPath path, CancellationToken cancellationToken)
    {
        byte[] content = RandomNumberGenerator.GetBytes(PartedBytes);
        await PutAsync(objects, path, content, new PutOptions { CreateOnly = true, Sha256 = SHA256.HashData(content) }, cancellationToken).ConfigureAwait(false);
        const int tail = 100_000;
        byte[] end = await ReadAsync(objects, path, new ByteRange(PartedBytes - tail, tail), cancellationToken).ConfigureAwait(false);
        if (!content.AsSpan(PartedBytes - tail).SequenceEqual(end))
        {
            return "other bytes came back than were written";
        }

        return await MeetsConflictAsync(
            () => PutAsync(objects, path, content, new PutOptions { CreateOnly = true }, cancellationToken),
            "its condition is ignored, so that two runs could write over each other's backups: use -S3Compatibility, or a store that honours If-None-Match at the end of a multi-part upload").ConfigureAwait(false);
    }

    private static async Task<byte[]> ReadAsync(IObjectStore objects, ObjectPath path, ByteRange? range, CancellationToken cancellationToken)
    {
        using MemoryStream buffer = new();
        Stream stream = await objects.OpenReadAsync(path, range, cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            await stream.CopyToAsync(buffer, cancellationToken).ConfigureAwait(false);
        }

        return buffer.ToArray();
    }

    private static async Task<string?> MeetsConflictAsync(Func<Task> put, string complaint)
    {
        try
        {
            await put().ConfigureAwait(false);
            return complaint;
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.StorageConflict)
        {
            return null;
        }
    }

    private static async Task<string?> ListAsync(IObjectStore objects, ObjectPath? path, CancellationToken cancellationToken)
    {
        await foreach (ListEntry row in objects.ListAsync(Folder, new ListOptions(), cancellationToken).ConfigureAwait(false))
        {
            if (row.Key == path?.ToString())
            {
                return null;
            }
        }

        return path is null ? null : "a listing does not show what was written";
    }
}
