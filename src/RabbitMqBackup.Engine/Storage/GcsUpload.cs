using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>
/// One put into Google Cloud Storage. Content of up to one chunk goes in one request with its checksum; more goes through a resumable session, chunk by chunk, and is visible when the last has arrived.
/// </summary>
internal sealed class GcsUpload(GcsClient client, string bucket, string? storageClass, RetryPolicy policy, ObjectPath path, string name, PutOptions options)
{
    private readonly string _mark = Guid.NewGuid().ToString("n");
    private readonly string _target = path.ToString();
    private readonly Crc32C _crc = new();

    /// <summary>All content in one request.</summary>
    internal Task<GcsObject> PutWholeAsync(ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        _crc.Append(content.Span);
        string metadata = Metadata(_crc.ToString());
        return policy.RunAsync(
            async _ =>
            {
                using HttpResponseMessage response = await client.SendAsync(() => Whole(metadata, content), _target, cancellationToken).ConfigureAwait(false);
                return await FinishAsync(response, cancellationToken).ConfigureAwait(false);
            },
            cancellationToken);
    }

    /// <summary>Content in chunks.</summary>
    /// <param name="source">Where the second and later chunks come from.</param>
    /// <param name="first">The first, full; given back to the pool here.</param>
    /// <param name="chunkBytes">A multiple of 256 KiB, as Google demands.</param>
    /// <param name="cancellationToken">Ends it.</param>
    internal async Task<GcsObject> PutChunksAsync(PutContent source, (byte[] Buffer, int Length) first, int chunkBytes, CancellationToken cancellationToken)
    {
        (byte[] Buffer, int Length) current = first;
        Uri? session = null;
        try
        {
            session = await StartAsync(cancellationToken).ConfigureAwait(false);
            for (long offset = 0; ; offset += chunkBytes)
            {
                // The last chunk names the whole length, so the next one has to be read before this one is sent.
                _crc.Append(current.Buffer.AsSpan(0, current.Length));
                (byte[] Buffer, int Length) next = await PartedUpload.ReadAsync(source, chunkBytes, cancellationToken).ConfigureAwait(false);
                GcsObject? stored;
                try
                {
                    stored = await SendChunkAsync(session, current, offset, next.Length == 0 ? offset + current.Length : null, cancellationToken).ConfigureAwait(false);
                }
                finally
                {
                    ArrayPool<byte>.Shared.Return(current.Buffer);
                    current = next;
                }

                if (stored is not null)
                {
                    return await CheckAsync(stored, isWhole: current.Length == 0, cancellationToken).ConfigureAwait(false);
                }
            }
        }
        catch
        {
            await GiveUpAsync(session).ConfigureAwait(false);
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(current.Buffer);
        }
    }

    /// <summary>Has Google copy an object by itself, in as many requests as it wants.</summary>
    internal async Task<GcsObject> CopyAsync(string fromBucket, string fromName, CancellationToken cancellationToken)
    {
        string uri = $"{client.BaseUri}/storage/v1/b/{Uri.EscapeDataString(fromBucket)}/o/{Uri.EscapeDataString(fromName)}/rewriteTo/b/{Uri.EscapeDataString(bucket)}/o/{Uri.EscapeDataString(name)}?fields=rewriteToken,resource({GcsObject.Fields}){Condition}";
        string metadata = Metadata(null);
        GcsObject? copied = null;
        for (string token = ""; copied is null;)
        {
            string request = token.Length == 0 ? uri : $"{uri}&rewriteToken={Uri.EscapeDataString(token)}";
            (copied, token) = await policy.RunAsync(_ => CopyOnceAsync(request, metadata, cancellationToken), cancellationToken).ConfigureAwait(false);
        }

        return copied;
    }

    private async Task<(GcsObject? Copied, string Token)> CopyOnceAsync(string uri, string metadata, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await client.SendAsync(() => new HttpRequestMessage(HttpMethod.Post, uri) { Content = new StringContent(metadata, Encoding.UTF8, "application/json") }, _target, cancellationToken).ConfigureAwait(false);
        if (response.StatusCode == HttpStatusCode.PreconditionFailed)
        {
            return (await FinishAsync(response, cancellationToken).ConfigureAwait(false), "");
        }

        await client.ThrowIfFailedAsync(response, _target, cancellationToken).ConfigureAwait(false);
        JsonElement answer = await client.ReadJsonAsync(response, _target, cancellationToken).ConfigureAwait(false);
        if (answer.TryGetProperty("resource", out JsonElement resource))
        {
            return (GcsObject.Parse(resource), "");
        }

        return answer.TryGetProperty("rewriteToken", out JsonElement token) && token.GetString() is { Length: > 0 } next ? (null, next) : throw client.Garbled(_target);
    }

    private string Query(string type) => string.Create(
        CultureInfo.InvariantCulture,
        $"{client.BaseUri}/upload/storage/v1/b/{Uri.EscapeDataString(bucket)}/o?uploadType={type}&name={Uri.EscapeDataString(name)}&fields={GcsObject.Fields}{Condition}");

    private string Condition => options switch
    {
        { CreateOnly: true } => "&ifGenerationMatch=0",
        { IfVersion: { } version } => $"&ifGenerationMatch={Uri.EscapeDataString(version)}",
        _ => "",
    };

    private string Metadata(string? crc32C)
    {
        Dictionary<string, object> metadata = new() { ["name"] = name, ["contentType"] = "application/octet-stream", ["metadata"] = new Dictionary<string, string> { [GcsObject.PutMark] = _mark } };
        if (crc32C is not null)
        {
            metadata["crc32c"] = crc32C;
        }

        if (storageClass is not null)
        {
            metadata["storageClass"] = storageClass;
        }

        return JsonSerializer.Serialize(metadata);
    }

    private HttpRequestMessage Whole(string metadata, ReadOnlyMemory<byte> content)
    {
        ReadOnlyMemoryContent body = new(content);
        body.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        return new HttpRequestMessage(HttpMethod.Post, Query("multipart")) { Content = new MultipartContent("related") { new StringContent(metadata, Encoding.UTF8, "application/json"), body } };
    }

    private Task<Uri> StartAsync(CancellationToken cancellationToken) => policy.RunAsync(
        async _ =>
        {
            using HttpResponseMessage response = await client.SendAsync(
                () => new HttpRequestMessage(HttpMethod.Post, Query("resumable")) { Content = new StringContent(Metadata(null), Encoding.UTF8, "application/json") }, _target, cancellationToken).ConfigureAwait(false);
            await ThrowIfRefusedAsync(response, cancellationToken).ConfigureAwait(false);
            return response.Headers.Location ?? throw client.Garbled(_target);
        },
        cancellationToken);

    /// <summary>Sends a chunk until the session has all of it.</summary>
    /// <returns>The object, after the last chunk; else null.</returns>
    private Task<GcsObject?> SendChunkAsync(Uri session, (byte[] Buffer, int Length) chunk, long offset, long? total, CancellationToken cancellationToken) => policy.RunAsync(
        async attempt =>
        {
            long have = offset;
            if (attempt > 1)
            {
                using HttpResponseMessage status = await PutAsync(session, null, new ContentRange(null, 0, total), cancellationToken).ConfigureAwait(false);
                if (status.StatusCode != HttpStatusCode.PermanentRedirect)
                {
                    return await FinishAsync(status, cancellationToken).ConfigureAwait(false);
                }

                have = Persisted(status, offset);
            }

            while (have < offset + chunk.Length)
            {
                int start = (int)(have - offset);
                ReadOnlyMemory<byte> rest = chunk.Buffer.AsMemory(start, chunk.Length - start);
                using HttpResponseMessage response = await PutAsync(session, rest, new ContentRange(have, rest.Length, total), cancellationToken).ConfigureAwait(false);
                if (response.StatusCode != HttpStatusCode.PermanentRedirect)
                {
                    return await FinishAsync(response, cancellationToken).ConfigureAwait(false);
                }

                long persisted = Persisted(response, offset);
                have = persisted > have ? persisted : throw Stuck();
            }

            if (total is null)
            {
                return null;
            }

            // All is there and the object is not: the session is asked to finish.
            using HttpResponseMessage finished = await PutAsync(session, null, new ContentRange(null, 0, total), cancellationToken).ConfigureAwait(false);
            return finished.StatusCode == HttpStatusCode.PermanentRedirect ? throw Stuck() : await FinishAsync(finished, cancellationToken).ConfigureAwait(false);
        },
        cancellationToken);

    private Task<HttpResponseMessage> PutAsync(Uri session, ReadOnlyMemory<byte>? bytes, ContentRange range, CancellationToken cancellationToken) => client.SendAsync(
        () =>
        {
            ReadOnlyMemoryContent content = new(bytes ?? ReadOnlyMemory<byte>.Empty);
            content.Headers.TryAddWithoutValidation("Content-Range", range.ToString());
            return new HttpRequestMessage(HttpMethod.Put, session) { Content = content };
        },
        _target,
        cancellationToken);

    /// <summary>How far the session has come: <c>Range: bytes=0-N</c>, or nothing at all without that header.</summary>
    private long Persisted(HttpResponseMessage response, long offset)
    {
        long have = response.Headers.TryGetValues("Range", out IEnumerable<string>? values)
            && long.TryParse(values.First().Split('-').Last(), NumberStyles.None, CultureInfo.InvariantCulture, out long last) ? last + 1 : 0;
        return have >= offset ? have : throw Stuck();
    }

    /// <summary>The session has lost what it had confirmed; only the whole put can be repeated.</summary>
    private RabbitBackupException Stuck() => client.Garbled(_target);

    /// <summary>The answer to the request that makes the object visible.</summary>
    private async Task<GcsObject> FinishAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (response.StatusCode == HttpStatusCode.PreconditionFailed)
        {
            // An earlier attempt may have worked without our seeing its answer.
            GcsObject? current = await GcsStore.FindAsync(client, bucket, name, _target, cancellationToken).ConfigureAwait(false);
            if (current?.Mark == _mark)
            {
                return current;
            }
        }

        await ThrowIfRefusedAsync(response, cancellationToken).ConfigureAwait(false);
        GcsObject stored = GcsObject.Parse(await client.ReadJsonAsync(response, _target, cancellationToken).ConfigureAwait(false));
        return stored.Generation.Length > 0 ? stored : throw client.NotFromStore(_target);
    }

    private async Task ThrowIfRefusedAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (response.StatusCode == HttpStatusCode.PreconditionFailed)
        {
            throw options.CreateOnly ? StoreErrors.AlreadyThere(path) : StoreErrors.Changed(path);
        }

        try
        {
            await client.ThrowIfFailedAsync(response, _target, cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.ObjectNotFound)
        {
            // A put knows no missing object, so it is the bucket.
            throw client.NoBucket(_target, exception);
        }
    }

    /// <summary>Compares the checksum of what arrived with what was sent; what differs is deleted, and so is what was finished before its end.</summary>
    private async Task<GcsObject> CheckAsync(GcsObject stored, bool isWhole, CancellationToken cancellationToken)
    {
        if (isWhole && stored.Crc32C == _crc.ToString())
        {
            return stored;
        }

        await GcsStore.DeleteAsync(client, bucket, name, path, stored.Generation, cancellationToken).ConfigureAwait(false);
        throw client.Garbled(_target);
    }

    /// <summary>Cancels a session; what it holds is invisible, and Google drops it after a week.</summary>
    private async Task GiveUpAsync(Uri? session)
    {
        if (session is null)
        {
            return;
        }

        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(10));
        try
        {
            using HttpResponseMessage response = await client.SendAsync(() => new HttpRequestMessage(HttpMethod.Delete, session), _target, patience.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OperationCanceledException or RabbitBackupException)
        {
            // As said above; the error that led here is the one that matters.
        }
    }

    /// <summary>Content-Range as resumable sessions want it: <c>bytes 0-99/*</c>, <c>bytes 0-99/100</c>, and to ask how far it has come <c>bytes */100</c> or <c>bytes */*</c>.</summary>
    private readonly record struct ContentRange(long? From, int Length, long? Total)
    {
        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture,
            $"bytes {(From is { } from ? string.Create(CultureInfo.InvariantCulture, $"{from}-{from + Length - 1}") : "*")}/{(Total is { } total ? total.ToString(CultureInfo.InvariantCulture) : "*")}");
    }
}
