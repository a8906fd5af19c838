using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>A bucket of Google Cloud Storage, over its JSON API. An object's version is its generation.</summary>
internal sealed class GcsStore(GcsClient client, StoreUri uri, GcsOptions options, RetryPolicy policy) : IObjectStore, IServerSideCopy
{
    private readonly string _bucket = uri.Bucket;
    private readonly string _prefix = uri.Prefix.Length == 0 ? "" : uri.Prefix + "/";

    /// <summary>Bytes of a chunk: a multiple of 256 KiB.</summary>
    internal int ChunkBytes { get; init; } = 8 << 20;

    /// <inheritdoc/>
    public string DisplayUri => uri.DisplayUri;

    /// <inheritdoc/>
    public StoreCapabilities Capabilities => StoreCapabilities.CreateOnly | StoreCapabilities.IfVersion;

    /// <inheritdoc/>
    public async Task<ObjectInfo> PutAsync(ObjectPath path, Stream content, PutOptions putOptions, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(content);
        putOptions.Check();
        using PutContent source = new(path, content, putOptions);
        GcsUpload upload = new(client, _bucket, options.StorageClass, policy, path, _prefix + path, putOptions);
        (byte[] Buffer, int Length) first = await PartedUpload.ReadAsync(source, ChunkBytes, cancellationToken).ConfigureAwait(false);
        if (first.Length == ChunkBytes)
        {
            return (await upload.PutChunksAsync(source, first, ChunkBytes, cancellationToken).ConfigureAwait(false)).Info(path);
        }

        try
        {
            return (await upload.PutWholeAsync(first.Buffer.AsMemory(0, first.Length), cancellationToken).ConfigureAwait(false)).Info(path);
        }
        finally
        {
            System.Buffers.ArrayPool<byte>.Shared.Return(first.Buffer);
        }
    }

    /// <inheritdoc/>
    public async Task<Stream> OpenReadAsync(ObjectPath path, ByteRange? range, CancellationToken cancellationToken)
    {
        range?.Check();
        if (range is { Length: 0 })
        {
            return await HeadAsync(path, cancellationToken).ConfigureAwait(false) is null ? throw StoreErrors.NotFound(path.ToString()) : Stream.Null;
        }

        HttpResponseMessage response = await client.SendAsync(
            () =>
            {
                HttpRequestMessage request = new(HttpMethod.Get, $"{ObjectUri(client, _bucket, _prefix + path)}?alt=media");
                request.Headers.Range = range is { } part ? new RangeHeaderValue(part.Offset, part.Offset + part.Length - 1) : null;
                return request;
            },
            path.ToString(),
            cancellationToken).ConfigureAwait(false);
        try
        {
            if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
            {
                response.Dispose();
                return Stream.Null;
            }

            await client.ThrowIfFailedAsync(response, path.ToString(), cancellationToken).ConfigureAwait(false);
            Stream stream = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
            return new ObjectStream(stream, range?.Length, exception => client.Translate(exception, path.ToString(), cancellationToken));
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task<ObjectInfo?> HeadAsync(ObjectPath path, CancellationToken cancellationToken) =>
        (await FindAsync(client, _bucket, _prefix + path, path.ToString(), cancellationToken).ConfigureAwait(false))?.Info(path);

    /// <inheritdoc/>
    public async IAsyncEnumerable<ListEntry> ListAsync(string prefix, ListOptions listOptions, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string query = $"{client.BaseUri}/storage/v1/b/{Uri.EscapeDataString(_bucket)}/o?prefix={Uri.EscapeDataString(_prefix + prefix)}&fields=nextPageToken,prefixes,items(name,size,updated,generation)"
            + (listOptions.Delimited ? "&delimiter=/" : "")
            + (listOptions.StartAfter is { } after ? $"&startOffset={Uri.EscapeDataString(_prefix + after)}" : "");
        string? token = "";
        while (token is not null)
        {
            string page = token.Length == 0 ? query : $"{query}&pageToken={Uri.EscapeDataString(token)}";
            JsonElement answer = await policy.RunAsync(_ => PageAsync(page, _prefix + prefix, cancellationToken), cancellationToken).ConfigureAwait(false);
            foreach (ListEntry row in Rows(answer).OrderBy(row => row.Key, ObjectOrder.Instance))
            {
                if (listOptions.StartAfter is null || ObjectOrder.Instance.Compare(row.Key, listOptions.StartAfter) > 0)
                {
                    yield return row;
                }
            }

            token = answer.TryGetProperty("nextPageToken", out JsonElement next) ? next.GetString() : null;
        }
    }

    /// <inheritdoc/>
    public Task DeleteAsync(ObjectPath path, string? ifVersion, CancellationToken cancellationToken) => DeleteAsync(client, _bucket, _prefix + path, path, ifVersion, cancellationToken);

    /// <inheritdoc/>
    public async Task<ServerCopy?> TryCopyAsync(IObjectStore source, ObjectPath from, ObjectPath to, PutOptions putOptions, CancellationToken cancellationToken)
    {
        if (ServerSideCopies.Bare(source) is not GcsStore other || !other.IsSameService(this))
        {
            return null;
        }

        try
        {
            GcsUpload upload = new(client, _bucket, options.StorageClass, policy, to, _prefix + to, putOptions);
            return new ServerCopy((await upload.CopyAsync(other._bucket, other._prefix + from, cancellationToken).ConfigureAwait(false)).Info(to), null);
        }
        catch (RabbitBackupException exception) when (ServerSideCopies.IsRefusal(exception))
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        client.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>What the store knows of an object, or null.</summary>
    internal static async Task<GcsObject?> FindAsync(GcsClient client, string bucket, string name, string target, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await client.SendAsync(
            () => new HttpRequestMessage(HttpMethod.Get, $"{ObjectUri(client, bucket, name)}?fields={GcsObject.Fields}"), target, cancellationToken).ConfigureAwait(false);
        if (response.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }

        await client.ThrowIfFailedAsync(response, target, cancellationToken).ConfigureAwait(false);
        return GcsObject.Parse(await client.ReadJsonAsync(response, target, cancellationToken).ConfigureAwait(false));
    }

    internal static async Task DeleteAsync(GcsClient client, string bucket, string name, ObjectPath path, string? ifVersion, CancellationToken cancellationToken)
    {
        string condition = ifVersion is null ? "" : string.Create(CultureInfo.InvariantCulture, $"?ifGenerationMatch={Uri.EscapeDataString(ifVersion)}");
        using HttpResponseMessage response = await client.SendAsync(
            () => new HttpRequestMessage(HttpMethod.Delete, ObjectUri(client, bucket, name) + condition), path.ToString(), cancellationToken).ConfigureAwait(false);
        if (response.StatusCode == HttpStatusCode.PreconditionFailed)
        {
            throw StoreErrors.Changed(path);
        }

        if (response.StatusCode != HttpStatusCode.NotFound)
        {
            await client.ThrowIfFailedAsync(response, path.ToString(), cancellationToken).ConfigureAwait(false);
        }
    }

    private bool IsSameService(GcsStore other) => client.BaseUri == other.BaseUri && CredentialFile == other.CredentialFile;

    private string BaseUri => client.BaseUri;

    private string? CredentialFile => options.CredentialFile;

    private static string ObjectUri(GcsClient client, string bucket, string name) => $"{client.BaseUri}/storage/v1/b/{Uri.EscapeDataString(bucket)}/o/{Uri.EscapeDataString(name)}";

    private async Task<JsonElement> PageAsync(string query, string target, CancellationToken cancellationToken)
    {
        try
        {
            return await client.AskAsync(() => new HttpRequestMessage(HttpMethod.Get, query), target, cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.ObjectNotFound)
        {
            // A listing knows no missing object, so it is the bucket.
            throw client.NoBucket(target, exception);
        }
    }

    private IEnumerable<ListEntry> Rows(JsonElement page)
    {
        if (page.TryGetProperty("items", out JsonElement items))
        {
            foreach (JsonElement item in items.EnumerateArray())
            {
                // A folder's placeholder made by a console ends with a slash, and is no object of ours.
                GcsObject found = GcsObject.Parse(item);
                string key = found.Name[_prefix.Length..];
                if (ObjectPath.TryParse(key, out ObjectPath path))
                {
                    yield return new ListEntry(key, found.Info(path));
                }
            }
        }

        if (page.TryGetProperty("prefixes", out JsonElement prefixes))
        {
            foreach (JsonElement prefix in prefixes.EnumerateArray())
            {
                yield return new ListEntry(prefix.GetString()![_prefix.Length..], null);
            }
        }
    }
}
