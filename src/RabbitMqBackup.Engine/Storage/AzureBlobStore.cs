using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Azure;
using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Azure.Storage.Sas;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>
/// A container of Azure Blob Storage. Content of up to one block is one put; more is staged block by block, each with its MD5, and committed at the end. An object's version is its ETag.
/// </summary>
internal sealed class AzureBlobStore : IObjectStore, IServerSideCopy
{
    /// <summary>What one request copies at most.</summary>
    private const long MaxCopyBytes = 256 << 20;

    private const string PutMark = "rabbitmqbackupput";

    private readonly BlobContainerClient _container;
    private readonly string _prefix;
    private readonly AzureBlobOptions _options;
    private readonly AzureErrors _errors;
    private readonly RetryPolicy _policy;

    internal AzureBlobStore(BlobContainerClient container, StoreUri uri, AzureBlobOptions options, RetryPolicy policy)
    {
        _container = container;
        _prefix = uri.Prefix.Length == 0 ? "" : uri.Prefix + "/";
        _options = options;
        _policy = policy;
        _errors = new AzureErrors(uri.DisplayUri);
        DisplayUri = uri.DisplayUri;
    }

    /// <summary>Bytes of a block. Azure takes up to 4,000 MiB, and 50,000 blocks.</summary>
    internal int BlockBytes { get; init; } = 8 << 20;

    /// <inheritdoc/>
    public string DisplayUri { get; }

    /// <inheritdoc/>
    public StoreCapabilities Capabilities => StoreCapabilities.CreateOnly | StoreCapabilities.IfVersion | (_options.ImmutabilityDays is not null || _options.LegalHold ? StoreCapabilities.Retains : 0);

    /// <inheritdoc/>
    public async Task<ObjectInfo> PutAsync(ObjectPath path, Stream content, PutOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(content);
        options.Check();
        int blockBytes = (int)Math.Clamp((options.Length ?? 0) / 45_000, BlockBytes, 1 << 30);
        using PutContent source = new(path, content, options);
        (byte[] Buffer, int Length) first = await PartedUpload.ReadAsync(source, blockBytes, cancellationToken).ConfigureAwait(false);
        AzurePut put = new(path, Blob(path), options, Guid.NewGuid());
        BlobContentInfo stored = first.Length < blockBytes
            ? await PutWholeAsync(put, first, cancellationToken).ConfigureAwait(false)
            : await PutBlocksAsync(put, source, first, blockBytes, cancellationToken).ConfigureAwait(false);
        return new ObjectInfo(path, source.Length, stored.LastModified, Version(stored.ETag));
    }

    /// <inheritdoc/>
    public async Task<Stream> OpenReadAsync(ObjectPath path, ByteRange? range, CancellationToken cancellationToken)
    {
        range?.Check();
        if (range is { Length: 0 })
        {
            return await HeadAsync(path, cancellationToken).ConfigureAwait(false) is null ? throw StoreErrors.NotFound(path.ToString()) : Stream.Null;
        }

        try
        {
            BlobDownloadOptions options = new() { Range = range is { } part ? new HttpRange(part.Offset, part.Length) : default };
            Response<BlobDownloadStreamingResult> response = await Blob(path).DownloadStreamingAsync(options, cancellationToken).ConfigureAwait(false);
            return new ObjectStream(response.Value.Content, range?.Length, exception => _errors.Translate(exception, path.ToString(), cancellationToken));
        }
        catch (RequestFailedException exception) when (exception.Status == 416)
        {
            return Stream.Null;
        }
        catch (Exception exception) when (_errors.Translate(exception, path.ToString(), cancellationToken) is { } translated)
        {
            throw translated;
        }
    }

    /// <inheritdoc/>
    public async Task<ObjectInfo?> HeadAsync(ObjectPath path, CancellationToken cancellationToken)
    {
        BlobProperties? properties = await PropertiesAsync(path, cancellationToken).ConfigureAwait(false);
        return properties is null ? null : new ObjectInfo(path, properties.ContentLength, properties.LastModified, Version(properties.ETag));
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<ListEntry> ListAsync(string prefix, ListOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        GetBlobsByHierarchyOptions query = new() { Prefix = _prefix + prefix, Delimiter = options.Delimited ? "/" : null };
        string? next = null;
        do
        {
            // Page by page, each repeated where it fails. Azure has no portable "start after": what comes before is read and left out.
            string? token = next;
            Page<BlobHierarchyItem>? page = await AskAsync(_prefix + prefix, () => FirstPageAsync(query, token, cancellationToken), cancellationToken).ConfigureAwait(false);
            foreach (ListEntry row in (page?.Values ?? []).Select(Row).OfType<ListEntry>().OrderBy(row => row.Key, ObjectOrder.Instance))
            {
                if (options.StartAfter is null || ObjectOrder.Instance.Compare(row.Key, options.StartAfter) > 0)
                {
                    yield return row;
                }
            }

            next = page?.ContinuationToken;
        }
        while (!string.IsNullOrEmpty(next));
    }

    /// <inheritdoc/>
    public async Task DeleteAsync(ObjectPath path, string? ifVersion, CancellationToken cancellationToken)
    {
        try
        {
            BlobRequestConditions? conditions = ifVersion is null ? null : new BlobRequestConditions { IfMatch = new ETag(ifVersion) };
            await Blob(path).DeleteIfExistsAsync(DeleteSnapshotsOption.IncludeSnapshots, conditions, cancellationToken).ConfigureAwait(false);
        }
        catch (RequestFailedException exception) when (exception.ErrorCode == BlobErrorCode.ConditionNotMet)
        {
            throw StoreErrors.Changed(path, exception);
        }
        catch (Exception exception) when (_errors.Translate(exception, path.ToString(), cancellationToken) is { } translated)
        {
            throw translated;
        }
    }

    /// <inheritdoc/>
    public async Task<ServerCopy?> TryCopyAsync(IObjectStore source, ObjectPath from, ObjectPath to, PutOptions options, CancellationToken cancellationToken)
    {
        if (ServerSideCopies.Bare(source) is not AzureBlobStore other || options.Length is not <= MaxCopyBytes || other.ReadableUri(from) is not { } uri)
        {
            return null;
        }

        AzurePut put = new(to, Blob(to), options, Guid.NewGuid());
        BlobCopyFromUriOptions copy = new() { DestinationConditions = put.Conditions, Metadata = put.Metadata, AccessTier = Tier, DestinationImmutabilityPolicy = Immutability(put), LegalHold = Hold(put) };
        try
        {
            BlobContentInfo stored = await SendAsync(put, CopyOnceAsync, cancellationToken).ConfigureAwait(false);
            return new ServerCopy(new ObjectInfo(to, options.Length.Value, stored.LastModified, Version(stored.ETag)), null);
        }
        catch (RabbitBackupException exception) when (ServerSideCopies.IsRefusal(exception))
        {
            return null;
        }

        async Task<BlobContentInfo> CopyOnceAsync()
        {
            BlobCopyInfo info = await put.Blob.SyncCopyFromUriAsync(uri, copy, cancellationToken).ConfigureAwait(false);
            return BlobsModelFactory.BlobContentInfo(info.ETag, info.LastModified, null, null, null, null, 0);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Listings give ETags without quotes, headers with them.</summary>
    private static string Version(ETag etag) => etag.ToString().Trim('"');

    private BlockBlobClient Blob(ObjectPath path) => _container.GetBlockBlobClient(_prefix + path);

    /// <summary>The address at which the service itself may read an object for an hour, or null where this store's credentials can't make one.</summary>
    private Uri? ReadableUri(ObjectPath path)
    {
        BlockBlobClient blob = Blob(path);
        return _options.SasToken is { } token ? new UriBuilder(blob.Uri) { Query = token.TrimStart('?') }.Uri
            : blob.CanGenerateSasUri ? blob.GenerateSasUri(BlobSasPermissions.Read, DateTimeOffset.UtcNow.AddHours(1))
            : null;
    }

    private async Task<Page<BlobHierarchyItem>?> FirstPageAsync(GetBlobsByHierarchyOptions query, string? token, CancellationToken cancellationToken)
    {
        await foreach (Page<BlobHierarchyItem> page in _container.GetBlobsByHierarchyAsync(query, cancellationToken).AsPages(token).ConfigureAwait(false))
        {
            return page;
        }

        return null;
    }

    private ListEntry? Row(BlobHierarchyItem item)
    {
        if (item.IsPrefix)
        {
            return new ListEntry(item.Prefix[_prefix.Length..], null);
        }

        string key = item.Blob.Name[_prefix.Length..];
        BlobItemProperties properties = item.Blob.Properties;
        return ObjectPath.TryParse(key, out ObjectPath path)
            ? new ListEntry(key, new ObjectInfo(path, properties.ContentLength ?? 0, properties.LastModified ?? DateTimeOffset.UnixEpoch, properties.ETag is { } etag ? Version(etag) : ""))
            : null;
    }

    private async Task<BlobProperties?> PropertiesAsync(ObjectPath path, CancellationToken cancellationToken)
    {
        try
        {
            return (await Blob(path).GetPropertiesAsync(cancellationToken: cancellationToken).ConfigureAwait(false)).Value;
        }
        catch (RequestFailedException exception) when (exception.Status == 404 && exception.ErrorCode != BlobErrorCode.ContainerNotFound)
        {
            return null;
        }
        catch (Exception exception) when (_errors.Translate(exception, path.ToString(), cancellationToken) is { } translated)
        {
            throw translated;
        }
    }

    private async Task<BlobContentInfo> PutWholeAsync(AzurePut put, (byte[] Buffer, int Length) content, CancellationToken cancellationToken)
    {
        try
        {
            BlobUploadOptions options = new()
            {
                Conditions = put.Conditions,
                Metadata = put.Metadata,
                AccessTier = Tier,
                ImmutabilityPolicy = Immutability(put),
                LegalHold = Hold(put),
                TransferOptions = new StorageTransferOptions { InitialTransferSize = content.Length + 1 },
                TransferValidation = new UploadTransferValidationOptions { ChecksumAlgorithm = StorageChecksumAlgorithm.MD5 },
            };
            return await SendAsync(put, async () => (await put.Blob.UploadAsync(new MemoryStream(content.Buffer, 0, content.Length, writable: false), options, cancellationToken).ConfigureAwait(false)).Value, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(content.Buffer);
        }
    }

    private async Task<BlobContentInfo> PutBlocksAsync(AzurePut put, PutContent source, (byte[] Buffer, int Length) first, int blockBytes, CancellationToken cancellationToken)
    {
        ConcurrentDictionary<int, string> blocks = new();
        await PartedUpload.SendAsync(source, first, blockBytes, StageAsync, cancellationToken).ConfigureAwait(false);
        CommitBlockListOptions options = new() { Conditions = put.Conditions, Metadata = put.Metadata, AccessTier = Tier, ImmutabilityPolicy = Immutability(put), LegalHold = Hold(put) };
        string[] list = [.. blocks.OrderBy(block => block.Key).Select(block => block.Value)];
        return await SendAsync(put, async () => (await put.Blob.CommitBlockListAsync(list, options, cancellationToken).ConfigureAwait(false)).Value, cancellationToken).ConfigureAwait(false);

        // What is staged and not committed is invisible, and Azure drops it after a week.
        async Task StageAsync(int number, ReadOnlyMemory<byte> bytes, CancellationToken token)
        {
            System.Runtime.InteropServices.MemoryMarshal.TryGetArray(bytes, out ArraySegment<byte> segment);
            BlockBlobStageBlockOptions stage = new() { TransferValidation = new UploadTransferValidationOptions { ChecksumAlgorithm = StorageChecksumAlgorithm.MD5 } };
            blocks[number] = put.BlockId(number);
            await AskAsync(
                put.Path.ToString(),
                () => put.Blob.StageBlockAsync(blocks[number], new MemoryStream(segment.Array!, segment.Offset, segment.Count, writable: false), stage, token),
                token).ConfigureAwait(false);
        }
    }

    private AccessTier? Tier => _options.AccessTier is { } tier ? new AccessTier(tier) : default(AccessTier?);

    private BlobImmutabilityPolicy? Immutability(AzurePut put) => put.Options.Retain && _options.ImmutabilityDays is { } days
        ? new BlobImmutabilityPolicy { ExpiresOn = DateTimeOffset.UtcNow.AddDays(days), PolicyMode = _options.ImmutabilityLocked ? BlobImmutabilityPolicyMode.Locked : BlobImmutabilityPolicyMode.Unlocked }
        : null;

    private bool? Hold(AzurePut put) => put.Options.Retain && _options.LegalHold ? true : null;

    private Task<T> AskAsync<T>(string target, Func<Task<T>> request, CancellationToken cancellationToken) => _policy.RunAsync(
        async _ =>
        {
            try
            {
                return await request().ConfigureAwait(false);
            }
            catch (Exception exception) when (_errors.Translate(exception, target, cancellationToken) is { } translated)
            {
                throw translated;
            }
        },
        cancellationToken);

    /// <summary>The request that makes an object visible, with its conditions.</summary>
    private Task<BlobContentInfo> SendAsync(AzurePut put, Func<Task<BlobContentInfo>> request, CancellationToken cancellationToken) => _policy.RunAsync(
        async _ =>
        {
            try
            {
                return await request().ConfigureAwait(false);
            }
            catch (RequestFailedException exception) when (
                exception.ErrorCode == BlobErrorCode.BlobAlreadyExists || exception.ErrorCode == BlobErrorCode.ConditionNotMet || exception.ErrorCode == BlobErrorCode.InvalidBlockList)
            {
                return await DecideAsync(put, exception, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception exception) when (_errors.Translate(exception, put.Path.ToString(), cancellationToken) is { } translated)
            {
                throw translated;
            }
        },
        cancellationToken);

    /// <summary>
    /// A condition was not met, or the blocks are gone because another put of this object was committed meanwhile. If an earlier attempt has worked without our seeing its answer, the
    /// object bears this put's mark: then all is well.
    /// </summary>
    private async Task<BlobContentInfo> DecideAsync(AzurePut put, RequestFailedException exception, CancellationToken cancellationToken)
    {
        BlobProperties? current = await PropertiesAsync(put.Path, cancellationToken).ConfigureAwait(false);
        if (current is not null && current.Metadata.TryGetValue(PutMark, out string? mark) && mark == put.Mark.ToString("n"))
        {
            return BlobsModelFactory.BlobContentInfo(current.ETag, current.LastModified, null, null, null, null, 0);
        }

        throw put.Options.CreateOnly && current is not null ? StoreErrors.AlreadyThere(put.Path, exception) : StoreErrors.Changed(put.Path, exception);
    }

    /// <summary>One put on its way.</summary>
    /// <param name="Path">The object.</param>
    /// <param name="Blob">Its client.</param>
    /// <param name="Options">The conditions.</param>
    /// <param name="Mark">Stored with the object, and part of each block's id: so puts of one object do not meet before they are committed.</param>
    private sealed record AzurePut(ObjectPath Path, BlockBlobClient Blob, PutOptions Options, Guid Mark)
    {
        internal BlobRequestConditions? Conditions => Options switch
        {
            { CreateOnly: true } => new BlobRequestConditions { IfNoneMatch = ETag.All },
            { IfVersion: { } version } => new BlobRequestConditions { IfMatch = new ETag(version) },
            _ => null,
        };

        internal Dictionary<string, string> Metadata => new() { [PutMark] = Mark.ToString("n") };

        /// <summary>All ids of a blob must have one length.</summary>
        internal string BlockId(int number)
        {
            byte[] id = new byte[20];
            Mark.TryWriteBytes(id);
            BinaryPrimitives.WriteInt32BigEndian(id.AsSpan(16), number);
            return Convert.ToBase64String(id);
        }
    }
}
