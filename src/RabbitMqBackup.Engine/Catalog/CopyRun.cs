using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>One run of a copy, with the leases held.</summary>
internal sealed class CopyRun(BackupCatalog source, BackupCatalog target, CopyOptions options, IEngineLog log, TimeProvider time, Action<OperationProgress> progress)
{
    private readonly string _id = options.Backup.BackupId;
    private int _found;
    private int _byStore;

    internal async Task<BackupManifest> RunAsync(CancellationToken cancellationToken)
    {
        // Read again under the lease: these bytes are what is copied, unknown fields and checksum included.
        byte[] bytes = await source.ReadManifestBytesAsync(_id, cancellationToken).ConfigureAwait(false)
            ?? throw new RabbitBackupException(ErrorCode.BackupNotFound, $"The backup '{_id}' is not in '{source.Objects.DisplayUri}' any more.") { Target = _id };
        BackupManifest manifest = ManifestJson.Read(bytes, BackupCatalog.ManifestPath(_id).ToString(), options.Destination);
        if (await target.ReadManifestBytesAsync(_id, cancellationToken).ConfigureAwait(false) is { } present)
        {
            return present.AsSpan().SequenceEqual(bytes) ? manifest : throw Occupied($"There is another backup '{_id}' in '{options.Destination}'; it was left as it is.");
        }

        ProgressMeter meter = new("Copying", manifest.TotalMessages, 0, time, progress);
        IEnumerable<CopyObject> objects = manifest.Queues.SelectMany(queue => queue.Segments).Select(segment => new CopyObject(segment.Key, segment.StoredBytes, segment.Sha256, segment.Records));
        if (manifest.Definitions is { } definitions)
        {
            objects = objects.Prepend(new CopyObject(definitions.Key, definitions.StoredBytes, definitions.Sha256, 0));
        }

        ParallelOptions parallel = new() { MaxDegreeOfParallelism = options.MaxConcurrentObjects, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(objects, parallel, async (item, token) =>
        {
            await CopyObjectAsync(item, token).ConfigureAwait(false);
            meter.Add(item.Key, item.Messages, item.Length);
        }).ConfigureAwait(false);
        await target.PutManifestBytesAsync(_id, bytes, cancellationToken).ConfigureAwait(false);
        log.BackupCopied(_id, options.Destination.DisplayUri, manifest.TotalSegments, _byStore, _found);
        return manifest;
    }

    private async Task CopyObjectAsync(CopyObject item, CancellationToken cancellationToken)
    {
        ObjectPath path = ObjectPath.Parse($"{_id}/{item.Key}");
        if (await target.Objects.HeadAsync(path, cancellationToken).ConfigureAwait(false) is not null)
        {
            await CheckPresentAsync(path, item, cancellationToken).ConfigureAwait(false);
            Interlocked.Increment(ref _found);
            return;
        }

        PutOptions put = new() { CreateOnly = true, Length = item.Length, Retain = true };
        if (target.Objects is IServerSideCopy server && await server.TryCopyAsync(source.Objects, path, path, put, cancellationToken).ConfigureAwait(false) is { } copy)
        {
            await CheckCopyAsync(path, item, copy, cancellationToken).ConfigureAwait(false);
            Interlocked.Increment(ref _byStore);
            return;
        }

        VerifiedStream content = new(await OpenSourceAsync(path, cancellationToken).ConfigureAwait(false), item.Sha256, item.Length, path.ToString());
        await using (content.ConfigureAwait(false))
        {
            await target.Objects.PutAsync(path, content, put, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<Stream> OpenSourceAsync(ObjectPath path, CancellationToken cancellationToken)
    {
        try
        {
            return await source.Objects.OpenReadAsync(path, null, cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.ObjectNotFound)
        {
            throw new RabbitBackupException(ErrorCode.BackupIncomplete, $"'{path}' is in the manifest but not in '{source.Objects.DisplayUri}'.", exception) { Target = path.ToString(), Hint = "Take it from another copy of this backup, or use another backup." };
        }
    }

    /// <summary>What an earlier attempt has left must be what this one would write; anything else is somebody else's.</summary>
    private async Task CheckPresentAsync(ObjectPath path, CopyObject item, CancellationToken cancellationToken)
    {
        try
        {
            await ReadBackAsync(path, item, cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.SegmentCorrupt)
        {
            throw Occupied($"There is another object '{path}' in '{options.Destination}'; it was left as it is.", exception);
        }
    }

    /// <summary>A copy that the store has made must be what the manifest says; if it isn't, it is taken away again, since the source is damaged.</summary>
    private async Task CheckCopyAsync(ObjectPath path, CopyObject item, ServerCopy copy, CancellationToken cancellationToken)
    {
        if (copy.Sha256 is { } told && Convert.ToHexString(told).Equals(item.Sha256, StringComparison.OrdinalIgnoreCase))
        {
            return;
        }

        try
        {
            await ReadBackAsync(path, item, cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.SegmentCorrupt)
        {
            await target.Objects.DeleteAsync(path, null, cancellationToken).ConfigureAwait(false);
            throw;
        }
    }

    private async Task ReadBackAsync(ObjectPath path, CopyObject item, CancellationToken cancellationToken)
    {
        VerifiedStream content = new(await target.Objects.OpenReadAsync(path, null, cancellationToken).ConfigureAwait(false), item.Sha256, item.Length, path.ToString());
        await using (content.ConfigureAwait(false))
        {
            await content.CopyToAsync(Stream.Null, cancellationToken).ConfigureAwait(false);
        }
    }

    private RabbitBackupException Occupied(string what, Exception? inner = null) => new(ErrorCode.BackupExists, what, inner) { Target = _id, Hint = "Remove it there first, or copy to another store or prefix." };

    /// <summary>An object to copy.</summary>
    private sealed record CopyObject(string Key, long Length, string Sha256, long Messages);
}
