using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;

namespace RabbitMqBackup.Engine.Tests.Storage;

/// <summary>
/// A fake of Google Cloud Storage, written from the documentation of its JSON API, since no server of it can be installed. It is no proof that Google behaves so.
/// It knows objects (<see cref="GcsObjects"/>), resumable sessions with their 256 KiB rule, ranges, and the token endpoint of a service account.
/// </summary>
internal sealed class GcsFake : IAsyncDisposable
{
    private const string Token = "fake-token";
    private const string Bucket = "bucket";

    private static readonly Lazy<string> AccountKey = new(() =>
    {
        using RSA key = RSA.Create(2048);
        return key.ExportPkcs8PrivateKeyPem();
    });

    private readonly GcsObjects _objects = new();
    private readonly ConcurrentDictionary<string, Session> _sessions = new();
    private LoopbackServer? _server;

    private GcsFake()
    {
    }

    internal Uri Uri => _server!.Uri;

    /// <summary>Sessions that are neither finished nor cancelled.</summary>
    internal int OpenSessions => _sessions.Count;

    /// <summary>Bytes that a chunk loses on its way, once: the answer tells how far it came.</summary>
    internal int LoseBytesOnce { get; set; }

    /// <summary>How often a session that has everything says that it goes on.</summary>
    internal int Unfinished { get; set; }

    /// <summary>The token endpoint refuses the account.</summary>
    internal bool RefuseTokens { get; set; }

    /// <summary>Flips a byte of every upload.</summary>
    internal bool Garble { get; set; }

    internal static async Task<GcsFake> StartAsync()
    {
        GcsFake fake = new();
        fake._server = await LoopbackServer.StartAsync(fake.HandleAsync);
        return fake;
    }

    internal string? ClassOf(string name) => (string?)_objects.Find(name)!.Value.Resource["storageClass"];

    /// <summary>The key file of a service account whose tokens come from this fake.</summary>
    internal string KeyFile(Uri? tokenServer = null)
    {
        JsonObject json = new()
        {
            ["type"] = "service_account",
            ["project_id"] = "test",
            ["private_key_id"] = "1",
            ["private_key"] = AccountKey.Value,
            ["client_email"] = "test@test.iam.gserviceaccount.com",
            ["client_id"] = "1",
            ["token_uri"] = new Uri(tokenServer ?? Uri, "/token").ToString(),
            ["universe_domain"] = "googleapis.com",
        };
        return json.ToJsonString();
    }

    public ValueTask DisposeAsync() => _server!.DisposeAsync();

    private async Task HandleAsync(HttpContext context)
    {
        string path = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Split('?')[0];
        if (path == "/token")
        {
            if (RefuseTokens)
            {
                context.Response.StatusCode = 400;
                await context.Response.WriteAsJsonAsync(new { error = "invalid_grant" });
                return;
            }

            await context.Response.WriteAsJsonAsync(new { access_token = Token, expires_in = 3600, token_type = "Bearer" });
            return;
        }

        if (context.Request.Headers.Authorization != $"Bearer {Token}")
        {
            await FailAsync(context, 401, "required");
            return;
        }

        string[] parts = [.. path.Split('/', StringSplitOptions.RemoveEmptyEntries).Select(Uri.UnescapeDataString)];
        switch (parts)
        {
            case ["upload", "storage", "v1", "b", Bucket, "o"] when context.Request.Query["uploadType"] == "multipart":
                await PutWholeAsync(context);
                break;
            case ["upload", "storage", "v1", "b", Bucket, "o"] when context.Request.Query["uploadType"] == "resumable":
                await StartSessionAsync(context);
                break;
            case ["session", string id]:
                await ContinueSessionAsync(context, id);
                break;
            case ["storage", "v1", "b", Bucket, "o"]:
                await ListAsync(context);
                break;
            case ["storage", "v1", "b", Bucket, "o", string from, "rewriteTo", "b", Bucket, "o", string to]:
                await RewriteAsync(context, from, to);
                break;
            case ["storage", "v1", "b", Bucket, "o", string name]:
                await ObjectAsync(context, name);
                break;
            default:
                await FailAsync(context, 404, "notFound");
                break;
        }
    }

    private static async Task FailAsync(HttpContext context, int status, string reason)
    {
        await context.Request.Body.CopyToAsync(Stream.Null);
        context.Response.StatusCode = status;
        await context.Response.WriteAsJsonAsync(new { error = new { code = status, message = reason, errors = new[] { new { message = reason, domain = "global", reason } } } });
    }

    private async Task PutWholeAsync(HttpContext context)
    {
        string boundary = Microsoft.Net.Http.Headers.HeaderUtilities.RemoveQuotes(Microsoft.Net.Http.Headers.MediaTypeHeaderValue.Parse(context.Request.ContentType).Boundary).ToString();
        MultipartReader reader = new(boundary, context.Request.Body);
        JsonObject metadata = (await JsonNode.ParseAsync((await reader.ReadNextSectionAsync())!.Body))!.AsObject();
        using MemoryStream content = new();
        await (await reader.ReadNextSectionAsync())!.Body.CopyToAsync(content);
        await StoreAsync(context, metadata, content.ToArray(), context.Request.Query["ifGenerationMatch"]);
    }

    private async Task StartSessionAsync(HttpContext context)
    {
        JsonObject metadata = (await JsonNode.ParseAsync(context.Request.Body))!.AsObject();
        string? condition = context.Request.Query["ifGenerationMatch"];
        if (!_objects.Meets((string)metadata["name"]!, condition))
        {
            await FailAsync(context, 412, "conditionNotMet");
            return;
        }

        string id = Guid.NewGuid().ToString("n");
        _sessions[id] = new Session(metadata, condition);
        context.Response.Headers.Location = $"{context.Request.Scheme}://{context.Request.Host}/session/{id}";
    }

    private async Task ContinueSessionAsync(HttpContext context, string id)
    {
        if (!_sessions.TryGetValue(id, out Session? session))
        {
            await FailAsync(context, 404, "notFound");
            return;
        }

        if (context.Request.Method == "DELETE")
        {
            _sessions.TryRemove(id, out _);
            context.Response.StatusCode = 499;
            return;
        }

        using MemoryStream body = new();
        await context.Request.Body.CopyToAsync(body);
        byte[] bytes = body.ToArray();
        string[] range = context.Request.Headers["Content-Range"].ToString()["bytes ".Length..].Split('/');
        if (session.Stored is { } stored)
        {
            await context.Response.WriteAsync(stored.ToJsonString());
            return;
        }

        if (range[0] != "*")
        {
            long from = long.Parse(range[0].Split('-')[0], CultureInfo.InvariantCulture);
            bool last = range[1] != "*";
            if (from != session.Content.Length || (!last && bytes.Length % (256 << 10) != 0))
            {
                await FailAsync(context, 400, "invalid");
                return;
            }

            int lost = Math.Min(LoseBytesOnce, bytes.Length);
            LoseBytesOnce = 0;
            session.Content.Write(bytes, 0, bytes.Length - lost);
        }

        if (range[1] != "*" && session.Content.Length == long.Parse(range[1], CultureInfo.InvariantCulture) && Unfinished-- <= 0)
        {
            session.Stored = await StoreAsync(context, session.Metadata, session.Content.ToArray(), session.Condition);
            return;
        }

        context.Response.StatusCode = 308;
        if (session.Content.Length > 0)
        {
            context.Response.Headers.Range = $"bytes=0-{session.Content.Length - 1}";
        }
    }

    /// <summary>Big objects take a second request, as Google does it across classes and places.</summary>
    private async Task RewriteAsync(HttpContext context, string from, string to)
    {
        JsonObject metadata = (await JsonNode.ParseAsync(context.Request.Body))!.AsObject();
        if (_objects.Find(from) is not { } source)
        {
            await FailAsync(context, 404, "notFound");
        }
        else if (source.Content.Length > 1 << 20 && context.Request.Query["rewriteToken"] != "half")
        {
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync("""{"kind":"storage#rewriteResponse","done":false,"rewriteToken":"half"}""");
        }
        else
        {
            metadata["name"] = to;
            await StoreAsync(context, metadata, source.Content, context.Request.Query["ifGenerationMatch"], resource => $$"""{"kind":"storage#rewriteResponse","done":true,"resource":{{resource}}}""");
        }
    }

    private async Task<JsonObject?> StoreAsync(HttpContext context, JsonObject metadata, byte[] content, string? condition, Func<string, string>? answer = null)
    {
        if (Garble && content.Length > 0)
        {
            content[^1] ^= 1;
        }

        if (!GcsObjects.HasPromisedChecksum(metadata, content))
        {
            await FailAsync(context, 400, "invalid");
            return null;
        }

        if (_objects.Put(metadata, content, condition) is not { } resource)
        {
            await FailAsync(context, 412, "conditionNotMet");
            return null;
        }

        _sessions.Where(session => ReferenceEquals(session.Value.Metadata, metadata)).ToList().ForEach(session => session.Value.Stored = resource);
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(answer?.Invoke(resource.ToJsonString()) ?? resource.ToJsonString());
        return resource;
    }

    private async Task ObjectAsync(HttpContext context, string name)
    {
        bool isDelete = context.Request.Method == "DELETE";
        if (isDelete && _objects.Delete(name, context.Request.Query["ifGenerationMatch"]))
        {
            context.Response.StatusCode = 204;
        }
        else if (_objects.Find(name) is not { } found)
        {
            await FailAsync(context, 404, "notFound");
        }
        else if (isDelete)
        {
            await FailAsync(context, 412, "conditionNotMet");
        }
        else if (context.Request.Query["alt"] == "media")
        {
            await ReadAsync(context, found.Content);
        }
        else
        {
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync(found.Resource.ToJsonString());
        }
    }

    private static async Task ReadAsync(HttpContext context, byte[] content)
    {
        int from = 0, to = content.Length - 1;
        if (context.Request.Headers.Range.Count > 0)
        {
            string[] range = context.Request.Headers.Range.ToString()["bytes=".Length..].Split('-');
            from = int.Parse(range[0], CultureInfo.InvariantCulture);
            to = range[1].Length == 0 ? to : Math.Min(to, int.Parse(range[1], CultureInfo.InvariantCulture));
            if (from >= content.Length)
            {
                await FailAsync(context, 416, "requestedRangeNotSatisfiable");
                return;
            }

            context.Response.StatusCode = 206;
        }

        context.Response.ContentLength = to - from + 1;
        await context.Response.Body.WriteAsync(content.AsMemory(from, to - from + 1));
    }

    private Task ListAsync(HttpContext context)
    {
        IQueryCollection query = context.Request.Query;
        int limit = int.TryParse(query["maxResults"], CultureInfo.InvariantCulture, out int wish) ? wish : 1_000;
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(_objects.Page(query["prefix"].ToString(), query["startOffset"].ToString(), query["delimiter"].Count > 0, query["pageToken"].ToString(), limit).ToJsonString());
    }

    private sealed class Session(JsonObject metadata, string? condition)
    {
        internal JsonObject Metadata { get; } = metadata;

        internal string? Condition { get; } = condition;

        internal MemoryStream Content { get; } = new();

        internal JsonObject? Stored { get; set; }
    }
}
