using System.Collections.Concurrent;
using System.Net;
using System.Runtime.CompilerServices;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>
/// A bucket of Amazon S3 or a compatible server. Content of up to one part is one put; more is a multipart upload by hand, whose length need not be known. An object's version is its ETag.
/// </summary>
internal sealed class S3Store : IObjectStore, IServerSideCopy
{
    private readonly IAmazonS3 _client;
    private readonly string _bucket;
    private readonly string _prefix;
    private readonly S3Requests _requests;
    private readonly S3Options _options;
    private readonly S3Errors _errors;
    private readonly RetryPolicy _policy;

    internal S3Store(IAmazonS3 client, StoreUri uri, S3Options options, RetryPolicy policy)
    {
        _client = client;
        _bucket = uri.Bucket;
        _prefix = uri.Prefix.Length == 0 ? "" : uri.Prefix + "/";
        _options = options;
        _policy = policy;
        _requests = new S3Requests(_bucket, options);
        _errors = new S3Errors(uri.DisplayUri);
        DisplayUri = uri.DisplayUri;
    }

    /// <summary>Bytes of a part. S3 takes 5 MiB to 5 GiB, and 10,000 parts.</summary>
    internal int PartBytes { get; init; } = 8 << 20;

    /// <inheritdoc/>
    public string DisplayUri { get; }

    /// <inheritdoc/>
    public StoreCapabilities Capabilities => StoreCapabilities.CreateOnly | StoreCapabilities.IfVersion | (_options.ObjectLockMode is not null || _options.LegalHold ? StoreCapabilities.Retains : 0);

    /// <inheritdoc/>
    public async Task<ObjectInfo> PutAsync(ObjectPath path, Stream content, PutOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(content);
        options.Check();
        if (options.CreateOnly && _options.Compatible && await HeadAsync(path, cancellationToken).ConfigureAwait(false) is not null)
        {
            throw StoreErrors.AlreadyThere(path);
        }

        int partBytes = (int)Math.Clamp((options.Length ?? 0) / 9_000, PartBytes, 1 << 30);
        using PutContent source = new(path, content, options);
        (byte[] Buffer, int Length) first = await PartedUpload.ReadAsync(source, partBytes, cancellationToken).ConfigureAwait(false);
        S3Put put = new(path, Key(path), options, Guid.NewGuid().ToString("n"));
        string version = first.Length < partBytes
            ? await PutWholeAsync(put, first, cancellationToken).ConfigureAwait(false)
            : await PutPartsAsync(put, source, first, partBytes, cancellationToken).ConfigureAwait(false);
        return new ObjectInfo(path, source.Length, DateTimeOffset.UtcNow, version);
    }

    /// <inheritdoc/>
    public async Task<Stream> OpenReadAsync(ObjectPath path, ByteRange? range, CancellationToken cancellationToken)
    {
        range?.Check();
        if (range is { Length: 0 })
        {
            return await HeadAsync(path, cancellationToken).ConfigureAwait(false) is null ? throw StoreErrors.NotFound(path.ToString()) : Stream.Null;
        }

        GetObjectRequest request = new() { BucketName = _bucket, Key = Key(path) };
        if (range is { } part)
        {
            request.ByteRange = new Amazon.S3.Model.ByteRange(part.Length is { } length ? $"bytes={part.Offset}-{part.Offset + length - 1}" : $"bytes={part.Offset}-");
        }

        try
        {
            GetObjectResponse response = await _client.GetObjectAsync(request, cancellationToken).ConfigureAwait(false);
            return new ObjectStream(response.ResponseStream, range?.Length, exception => _errors.Translate(exception, path.ToString(), cancellationToken));
        }
        catch (AmazonS3Exception exception) when (exception.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
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
        GetObjectMetadataResponse? response = await HeadRawAsync(path, cancellationToken).ConfigureAwait(false);
        return response is null ? null : new ObjectInfo(path, response.ContentLength, Time(response.LastModified), response.ETag);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<ListEntry> ListAsync(string prefix, ListOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ListObjectsV2Request request = new() { BucketName = _bucket, Prefix = _prefix + prefix, Delimiter = options.Delimited ? "/" : null, StartAfter = options.StartAfter is null ? null : _prefix + options.StartAfter };
        do
        {
            // Repeated page by page: a listing of a hundred pages would hardly ever come to its end otherwise.
            ListObjectsV2Response page = await AskAsync(_prefix + prefix, () => _client.ListObjectsV2Async(request, cancellationToken), cancellationToken).ConfigureAwait(false);

            // The library gives null for an empty collection.
            IEnumerable<ListEntry> rows = (page.S3Objects ?? []).Select(Row).OfType<ListEntry>().Concat((page.CommonPrefixes ?? []).Select(key => new ListEntry(key[_prefix.Length..], null)));
            foreach (ListEntry row in rows.OrderBy(row => row.Key, ObjectOrder.Instance))
            {
                // A common prefix that starts before StartAfter but reaches beyond it is one of S3's rows, not of ours.
                if (options.StartAfter is null || ObjectOrder.Instance.Compare(row.Key, options.StartAfter) > 0)
                {
                    yield return row;
                }
            }

            request.ContinuationToken = page.NextContinuationToken;
        }
        while (request.ContinuationToken is not null);
    }

    /// <inheritdoc/>
    public async Task DeleteAsync(ObjectPath path, string? ifVersion, CancellationToken cancellationToken)
    {
        if (ifVersion is not null)
        {
            // The condition alone would do on Amazon; others ignore it.
            ObjectInfo? current = await HeadAsync(path, cancellationToken).ConfigureAwait(false);
            if (current is null)
            {
                return;
            }

            if (current.Version != ifVersion)
            {
                throw StoreErrors.Changed(path);
            }
        }

        try
        {
            await _client.DeleteObjectAsync(new DeleteObjectRequest { BucketName = _bucket, Key = Key(path), IfMatch = ifVersion }, cancellationToken).ConfigureAwait(false);
        }
        catch (AmazonS3Exception exception) when (exception.StatusCode == HttpStatusCode.PreconditionFailed)
        {
            throw StoreErrors.Changed(path, exception);
        }
        catch (AmazonS3Exception exception) when (exception.StatusCode == HttpStatusCode.NotFound && exception.ErrorCode != S3Errors.NoSuchBucket)
        {
            // Deleted meanwhile.
        }
        catch (Exception exception) when (_errors.Translate(exception, path.ToString(), cancellationToken) is { } translated)
        {
            throw translated;
        }
    }

    /// <inheritdoc/>
    public async Task<ServerCopy?> TryCopyAsync(IObjectStore source, ObjectPath from, ObjectPath to, PutOptions options, CancellationToken cancellationToken)
    {
        if (ServerSideCopies.Bare(source) is not S3Store other || options.Length is not <= S3Requests.MaxCopyBytes || !other._options.IsSameService(_options))
        {
            return null;
        }

        // Not every server honours the condition on a copy (Ceph 20 does not); against races the caller's lease has to do.
        if (options.CreateOnly && await HeadAsync(to, cancellationToken).ConfigureAwait(false) is not null)
        {
            throw StoreErrors.AlreadyThere(to);
        }

        S3Put put = new(to, Key(to), options, Guid.NewGuid().ToString("n"));
        byte[]? sha256 = null;
        try
        {
            string version = await SendAsync(put, CopyOnceAsync, cancellationToken).ConfigureAwait(false);
            return new ServerCopy(new ObjectInfo(to, options.Length.Value, DateTimeOffset.UtcNow, version), sha256);
        }
        catch (RabbitBackupException exception) when (ServerSideCopies.IsRefusal(exception))
        {
            return null;
        }

        async Task<string?> CopyOnceAsync()
        {
            CopyObjectResponse response = await _client.CopyObjectAsync(_requests.Copy(put, other._bucket, other.Key(from)), cancellationToken).ConfigureAwait(false);
            sha256 = response.ChecksumSHA256 is { Length: > 0 } text ? Convert.FromBase64String(text) : null;
            return response.ETag;
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        return ValueTask.CompletedTask;
    }

    private static DateTimeOffset Time(DateTime? time) => time is { } value ? new DateTimeOffset(value.ToUniversalTime(), TimeSpan.Zero) : DateTimeOffset.UnixEpoch;

    private string Key(ObjectPath path) => _prefix + path;

    private ListEntry? Row(S3Object item)
    {
        // A folder's placeholder made by a console ends with a slash, and is no object of ours.
        string key = item.Key[_prefix.Length..];
        return ObjectPath.TryParse(key, out ObjectPath path) ? new ListEntry(key, new ObjectInfo(path, item.Size ?? 0, Time(item.LastModified), item.ETag)) : null;
    }

    private async Task<GetObjectMetadataResponse?> HeadRawAsync(ObjectPath path, CancellationToken cancellationToken)
    {
        try
        {
            return await _client.GetObjectMetadataAsync(new GetObjectMetadataRequest { BucketName = _bucket, Key = Key(path) }, cancellationToken).ConfigureAwait(false);
        }
        catch (AmazonS3Exception exception) when (exception.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }
        catch (Exception exception) when (_errors.Translate(exception, path.ToString(), cancellationToken) is { } translated)
        {
            throw translated;
        }
    }

    private async Task<string> PutWholeAsync(S3Put put, (byte[] Buffer, int Length) content, CancellationToken cancellationToken)
    {
        try
        {
            return await SendAsync(put, async () => (await _client.PutObjectAsync(_requests.Put(put, content), cancellationToken).ConfigureAwait(false)).ETag, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(content.Buffer);
        }
    }

    private async Task<string> PutPartsAsync(S3Put put, PutContent source, (byte[] Buffer, int Length) first, int partBytes, CancellationToken cancellationToken)
    {
        InitiateMultipartUploadResponse upload;
        try
        {
            upload = await AskAsync(put.Path.ToString(), () => _client.InitiateMultipartUploadAsync(_requests.Initiate(put), cancellationToken), cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(first.Buffer);
            throw;
        }

        try
        {
            ConcurrentDictionary<int, PartETag> parts = new();
            await PartedUpload.SendAsync(source, first, partBytes, SendPartAsync, cancellationToken).ConfigureAwait(false);
            CompleteMultipartUploadRequest complete = S3Requests.Complete(put, upload, [.. parts.OrderBy(part => part.Key).Select(part => part.Value)]);
            return await SendAsync(put, async () => (await _client.CompleteMultipartUploadAsync(complete, cancellationToken).ConfigureAwait(false)).ETag, cancellationToken).ConfigureAwait(false);

            async Task SendPartAsync(int number, ReadOnlyMemory<byte> bytes, CancellationToken token)
            {
                UploadPartResponse response = await AskAsync(put.Path.ToString(), () => _client.UploadPartAsync(_requests.Part(put, upload.UploadId, number, bytes), token), token).ConfigureAwait(false);
                parts[number] = new PartETag(response) { PartNumber = number };
            }
        }
        catch
        {
            await AbortAsync(put, upload.UploadId).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Gives up what is stored of an upload; what remains is invisible, and the bucket's lifecycle rule for unfinished uploads removes it.</summary>
    private async Task AbortAsync(S3Put put, string uploadId)
    {
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(10));
        try
        {
            await _client.AbortMultipartUploadAsync(new AbortMultipartUploadRequest { BucketName = _bucket, Key = put.Key, UploadId = uploadId }, patience.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OperationCanceledException || _errors.Translate(exception, put.Key, patience.Token) is not null)
        {
            // As said above; the error that led here is the one that matters.
        }
    }

    private Task<T> AskAsync<T>(string target, Func<Task<T>> request, CancellationToken cancellationToken) => _policy.RunAsync(
        async attempt =>
        {
            try
            {
                return await request().ConfigureAwait(false);
            }
            catch (AmazonS3Exception exception) when (attempt == 1 && S3Errors.IsUnnamed(exception))
            {
                throw _errors.NotUnderstood(target, exception);
            }
            catch (Exception exception) when (_errors.Translate(exception, target, cancellationToken) is { } translated)
            {
                throw translated;
            }
        },
        cancellationToken);

    /// <summary>The request that makes an object visible, with its conditions.</summary>
    private Task<string> SendAsync(S3Put put, Func<Task<string?>> request, CancellationToken cancellationToken) => _policy.RunAsync(
        async _ =>
        {
            try
            {
                // Without it, who answered is not the store: a proxy with a page of its own, say.
                return await request().ConfigureAwait(false) is { Length: > 0 } version ? version : throw _errors.NotFromStore(put.Path.ToString());
            }
            catch (AmazonS3Exception exception) when (exception.StatusCode is HttpStatusCode.PreconditionFailed or HttpStatusCode.Conflict or HttpStatusCode.NotFound && exception.ErrorCode != S3Errors.NoSuchBucket)
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
    /// A condition was not met, or the upload is gone. If an earlier attempt has worked without our seeing its answer, the object bears this put's mark: then all is well.
    /// It may even be the first attempt here, since the network stack below repeats requests on stale connections by itself.
    /// </summary>
    private async Task<string> DecideAsync(S3Put put, AmazonS3Exception exception, CancellationToken cancellationToken)
    {
        GetObjectMetadataResponse? current = await HeadRawAsync(put.Path, cancellationToken).ConfigureAwait(false);
        if (current?.Metadata[S3Requests.PutMark] == put.Mark)
        {
            return current.ETag;
        }

        if (put.Options.IfVersion is not null && (current is null || current.ETag != put.Options.IfVersion))
        {
            throw StoreErrors.Changed(put.Path, exception);
        }

        if (put.Options.CreateOnly && current is not null)
        {
            throw StoreErrors.AlreadyThere(put.Path, exception);
        }

        // 409: two conditional requests met, and neither condition is decided yet.
        throw exception.StatusCode == HttpStatusCode.Conflict
            ? _errors.Busy(put.Path.ToString(), exception)
            : _errors.Translate(exception, put.Path.ToString(), cancellationToken)!;
    }
}
