using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>
/// The backups of a store. A backup is a folder with a manifest, which is written last and never again: whatever is seen here as a backup is whole as far as its
/// manifest says.
/// </summary>
public sealed class BackupCatalog : IAsyncDisposable
{
    private const int ManifestsAtOnce = 8;

    private readonly BackupStore _store;

    /// <summary>Opens the store. It is closed with the catalog.</summary>
    public BackupCatalog(BackupStore store)
    {
        _store = store;
        Objects = store.Open();
    }

    /// <summary>The open store, for those who read and write objects of a backup themselves.</summary>
    public IObjectStore Objects { get; }

    /// <summary>
    /// Lists the backups that match, newest last, reading nothing but manifests, eight at a time. All that match are held until the last has been read.
    /// </summary>
    /// <param name="query">Which.</param>
    /// <param name="onDamaged">Gets each manifest that can't be read or believed; the others are listed all the same. May be called from any thread, one call at a time.</param>
    /// <param name="cancellationToken">Ends the listing.</param>
    /// <exception cref="RabbitBackupException">The store can't be listed.</exception>
    public async IAsyncEnumerable<BackupManifest> ListAsync(BackupQuery query, Action<RabbitBackupException> onDamaged, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        HashSet<string> pinned = await new BackupPins(Objects, TimeProvider.System).ListAsync(cancellationToken).ConfigureAwait(false);
        List<BackupManifest> found = [];
        Queue<Task<BackupManifest?>> reading = new();
        try
        {
            await foreach (ListEntry row in Objects.ListAsync("", new ListOptions { Delimited = true }, cancellationToken).ConfigureAwait(false))
            {
                if (row.Object is not null || row.Key[..^1] is var id && (!BackupId.IsValid(id) || !query.MatchesId(id)))
                {
                    continue;
                }

                if (reading.Count == ManifestsAtOnce)
                {
                    await TakeAsync().ConfigureAwait(false);
                }

                reading.Enqueue(Task.Run(() => FindAsync(id, query, cancellationToken), cancellationToken));
            }

            while (reading.Count > 0)
            {
                await TakeAsync().ConfigureAwait(false);
            }
        }
        finally
        {
            // After a failure nothing may go on in a store that the caller is about to close.
            await Task.WhenAll(reading.Select(task => task.ContinueWith(_ => { }, TaskScheduler.Default))).ConfigureAwait(false);
        }

        foreach (BackupManifest manifest in found.OrderBy(manifest => manifest.CreatedAt).ThenBy(manifest => manifest.BackupId, StringComparer.Ordinal))
        {
            yield return manifest with { IsPinned = pinned.Contains(manifest.BackupId) };
        }

        async Task TakeAsync()
        {
            try
            {
                if (await reading.Dequeue().ConfigureAwait(false) is not { } manifest || !query.MatchesTime(manifest.CreatedAt))
                {
                    return;
                }

                if (query.LatestOnly && found.Count > 0)
                {
                    found[0] = manifest.CreatedAt >= found[0].CreatedAt ? manifest : found[0];
                    return;
                }

                found.Add(manifest);
            }
            catch (RabbitBackupException exception) when (exception.Code is ErrorCode.BackupIncomplete or ErrorCode.FormatTooNew)
            {
                onDamaged(exception);
            }
        }
    }

    /// <summary>Reads a backup's manifest.</summary>
    /// <exception cref="RabbitBackupException">
    /// <see cref="ErrorCode.BackupNotFound"/>; <see cref="ErrorCode.BackupIncomplete"/> when it has objects but no manifest, or one that can't be believed;
    /// <see cref="ErrorCode.FormatTooNew"/>.
    /// </exception>
    public async Task<BackupManifest> GetAsync(string backupId, CancellationToken cancellationToken)
    {
        BackupId.Check(backupId);
        if (await ReadManifestAsync(backupId, cancellationToken).ConfigureAwait(false) is { } manifest)
        {
            return manifest;
        }

        bool started = await UnfinishedAsync(backupId, cancellationToken).ConfigureAwait(false) is not null;
        throw new RabbitBackupException(
            started ? ErrorCode.BackupIncomplete : ErrorCode.BackupNotFound,
            started ? $"The backup '{backupId}' in '{_store}' has no manifest: it is still running, or ended before its end." : $"There is no backup '{backupId}' in '{_store}'.")
        {
            Target = backupId,
            Hint = started ? "Wait for it, or resume or remove it." : "List the backups of the store, and check its address.",
        };
    }

    /// <summary>True when the backup has a manifest.</summary>
    public async Task<bool> ExistsAsync(string backupId, CancellationToken cancellationToken) =>
        await Objects.HeadAsync(ManifestPath(BackupId.Check(backupId)), cancellationToken).ConfigureAwait(false) is not null;

    /// <summary>Makes sure that an id is free.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.BackupExists"/>.</exception>
    internal async Task RefuseExistingAsync(string backupId, CancellationToken cancellationToken)
    {
        if (await ExistsAsync(backupId, cancellationToken).ConfigureAwait(false))
        {
            throw new RabbitBackupException(ErrorCode.BackupExists, $"There is a backup '{backupId}' in '{_store}' already.")
            {
                Target = backupId,
                Hint = "Choose another -BackupId, or leave it out to have one made.",
            };
        }
    }

    /// <summary>Makes a backup visible by writing its manifest, once.</summary>
    /// <returns>The manifest with its store.</returns>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.BackupExists"/> when there is one already; it is left as it is.</exception>
    public async Task<BackupManifest> CommitAsync(BackupManifest manifest, CancellationToken cancellationToken)
    {
        try
        {
            await CreateAsync(ManifestPath(manifest.BackupId), ManifestJson.Write(manifest), cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.StorageConflict)
        {
            throw new RabbitBackupException(ErrorCode.BackupExists, $"There is a backup '{manifest.BackupId}' in '{_store}' already; it was left as it is.", exception)
            {
                Target = manifest.BackupId,
                Hint = "Use another backup id, or none to have one made.",
            };
        }

        return manifest with { Store = _store };
    }

    /// <summary>Stores a finished segment, create-only, and gives its row in the manifest.</summary>
    /// <param name="backupId">The backup's name.</param>
    /// <param name="key">Path below the backup's folder.</param>
    /// <param name="content">The segment.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal async Task<SegmentEntry> PutSegmentAsync(string backupId, string key, SegmentContent content, CancellationToken cancellationToken)
    {
        Stream stream = content.OpenRead();
        await using (stream.ConfigureAwait(false))
        {
            await PutSegmentAsync(backupId, key, stream, Convert.FromHexString(content.Sha256), cancellationToken).ConfigureAwait(false);
        }

        return new SegmentEntry
        {
            Key = key,
            Records = content.Records,
            FirstTime = DateTimeOffset.FromUnixTimeMilliseconds(content.FirstTime),
            LastTime = DateTimeOffset.FromUnixTimeMilliseconds(content.LastTime),
            TimesGoBack = content.TimesGoBack,
            FirstOffset = content.FirstOffset,
            LastOffset = content.LastOffset,
            UncompressedBytes = content.UncompressedBytes,
            StoredBytes = content.Length,
            Sha256 = content.Sha256,
        };
    }

    /// <summary>Stores a segment, once.</summary>
    /// <param name="backupId">The backup.</param>
    /// <param name="key">The object's path below the backup's folder, from <see cref="QueueKey"/>.</param>
    /// <param name="content">The whole object.</param>
    /// <param name="sha256">Its SHA-256, if it is known already: then it is checked on the way.</param>
    /// <param name="cancellationToken">Ends the put; nothing is visible then.</param>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.StorageConflict"/> when there is one already.</exception>
    internal Task<ObjectInfo> PutSegmentAsync(string backupId, string key, Stream content, ReadOnlyMemory<byte>? sha256, CancellationToken cancellationToken) =>
        Objects.PutAsync(ObjectPath.Parse($"{backupId}/{key}"), content, new PutOptions { CreateOnly = true, Sha256 = sha256, Retain = true }, cancellationToken);

    /// <summary>Opens a segment for reading. The caller disposes the stream, and checks what it reads.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.BackupIncomplete"/> when it is missing.</exception>
    public Task<Stream> OpenSegmentAsync(string backupId, SegmentEntry segment, CancellationToken cancellationToken) => OpenPartAsync(backupId, segment.Key, cancellationToken);

    /// <summary>Stores the definitions of a backup, once.</summary>
    /// <param name="backupId">The backup.</param>
    /// <param name="json">As the broker exported them.</param>
    /// <param name="cancellationToken">Ends the put; nothing is visible then.</param>
    /// <param name="key">Another place in <c>definitions/</c>, where the usual one is taken by what an earlier run left.</param>
    /// <returns>The row for the manifest.</returns>
    public async Task<DefinitionsEntry> PutDefinitionsAsync(string backupId, ReadOnlyMemory<byte> json, CancellationToken cancellationToken, string key = DefinitionsBlob.Key)
    {
        byte[] packed = DefinitionsBlob.Pack(json.Span);
        await CreateAsync(ObjectPath.Parse($"{backupId}/{key}"), packed, cancellationToken).ConfigureAwait(false);
        return new DefinitionsEntry(key, packed.Length, Convert.ToHexString(SHA256.HashData(packed)).ToLowerInvariant());
    }

    /// <summary>Reads the definitions of a backup, checked against its manifest; null where it has none.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.BackupIncomplete"/> when they are missing or altered.</exception>
    public async Task<byte[]?> GetDefinitionsAsync(BackupManifest manifest, CancellationToken cancellationToken)
    {
        if (manifest.Definitions is not { } entry)
        {
            return null;
        }

        Stream stored = await OpenPartAsync(manifest.BackupId, entry.Key, cancellationToken).ConfigureAwait(false);
        await using (stored.ConfigureAwait(false))
        {
            return await DefinitionsBlob.UnpackAsync(stored, entry, $"{manifest.BackupId}/{entry.Key}", cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>A manifest as it is stored, unchecked; null where there is none.</summary>
    internal async Task<byte[]?> ReadManifestBytesAsync(string backupId, CancellationToken cancellationToken)
    {
        ObjectPath path = ManifestPath(BackupId.Check(backupId));
        try
        {
            Stream stream = await Objects.OpenReadAsync(path, null, cancellationToken).ConfigureAwait(false);
            await using (stream.ConfigureAwait(false))
            {
                return await DefinitionsBlob.ReadAsync(stream, ManifestJson.MaxBytes, path.ToString(), cancellationToken).ConfigureAwait(false);
            }
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.ObjectNotFound)
        {
            return null;
        }
    }

    /// <summary>Makes a backup visible by writing its manifest as another store had it, once.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.StorageConflict"/> when there is one already.</exception>
    internal Task PutManifestBytesAsync(string backupId, byte[] content, CancellationToken cancellationToken) => CreateAsync(ManifestPath(backupId), content, cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Objects.DisposeAsync();

    internal static ObjectPath ManifestPath(string backupId) => ObjectPath.Parse($"{backupId}/manifest.json");

    private async Task CreateAsync(ObjectPath path, byte[] content, CancellationToken cancellationToken) =>
        await Objects.PutAsync(path, new MemoryStream(content, writable: false), new PutOptions { CreateOnly = true, Sha256 = SHA256.HashData(content), Retain = true }, cancellationToken).ConfigureAwait(false);

    private async Task<Stream> OpenPartAsync(string backupId, string key, CancellationToken cancellationToken)
    {
        string name = $"{backupId}/{key}";
        try
        {
            return await Objects.OpenReadAsync(ObjectPath.Parse(name), null, cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.ObjectNotFound)
        {
            throw new RabbitBackupException(ErrorCode.BackupIncomplete, $"'{name}' is in the manifest but not in '{_store}'.", exception)
            {
                Target = name,
                Hint = "Take it from a copy of this backup, or use another backup.",
            };
        }
    }

    private async Task<BackupManifest?> FindAsync(string id, BackupQuery query, CancellationToken cancellationToken) =>
        await ReadManifestAsync(id, cancellationToken).ConfigureAwait(false) ?? (query.IncludeIncomplete ? await UnfinishedAsync(id, cancellationToken).ConfigureAwait(false) : null);

    private async Task<BackupManifest?> ReadManifestAsync(string id, CancellationToken cancellationToken)
    {
        if (await ReadManifestBytesAsync(id, cancellationToken).ConfigureAwait(false) is not { } bytes)
        {
            return null;
        }

        string path = ManifestPath(id).ToString();
        BackupManifest manifest = ManifestJson.Read(bytes, path, _store);
        return manifest.BackupId == id ? manifest : throw ManifestJson.Wrong(path, $"it belongs to the backup '{manifest.BackupId}'");
    }

    /// <summary>What can be said of a folder without a manifest, by its objects; null where there are none.</summary>
    private async Task<BackupManifest?> UnfinishedAsync(string id, CancellationToken cancellationToken)
    {
        DateTimeOffset? oldest = null;
        await foreach (ListEntry row in Objects.ListAsync($"{id}/", new ListOptions(), cancellationToken).ConfigureAwait(false))
        {
            oldest = row.Object!.LastModified < oldest ? row.Object.LastModified : oldest ?? row.Object.LastModified;
        }

        return oldest is { } created ? new BackupManifest { BackupId = id, Status = BackupStatus.InProgress, CreatedAt = created, Store = _store } : null;
    }
}
