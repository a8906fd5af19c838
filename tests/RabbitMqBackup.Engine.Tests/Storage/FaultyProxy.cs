using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace RabbitMqBackup.Engine.Tests.Storage;

/// <summary>What goes wrong with one request.</summary>
/// <param name="Status">Answered instead of the server; 0 for none.</param>
/// <param name="RetryAfter">Seconds, told with the status.</param>
internal sealed record Fault(int Status = 0, int? RetryAfter = null)
{
    /// <summary>The connection breaks before the server sees the request.</summary>
    internal bool CutBefore { get; init; }

    /// <summary>The server does what it is asked, and the connection breaks before the answer comes back.</summary>
    internal bool CutAnswer { get; init; }

    /// <summary>The connection breaks after so many bytes of the answer's body.</summary>
    internal int? CutBodyAt { get; init; }

    /// <summary>After so many bytes of the answer's body nothing comes any more, and the connection stays open.</summary>
    internal int? SilentAt { get; init; }
}

/// <summary>Stands before a real server and breaks what its script says. The server sees every request as the client sent and signed it.</summary>
internal sealed class FaultyProxy : IAsyncDisposable
{
    private readonly HttpClient _client = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false }) { Timeout = TimeSpan.FromSeconds(60) };
    private readonly Uri _target;
    private readonly Func<HttpRequest, Fault?> _script;
    private LoopbackServer? _server;
    private int _requests;
    private int _faults;

    private FaultyProxy(Uri target, Func<HttpRequest, Fault?> script)
    {
        _target = target;
        _script = script;
    }

    internal Uri Uri => new(_server!.Uri, _target.AbsolutePath);

    internal int Requests => _requests;

    internal int Faults => _faults;

    internal static async Task<FaultyProxy> StartAsync(Uri target, Func<HttpRequest, Fault?> script)
    {
        FaultyProxy proxy = new(target, script);
        proxy._server = await LoopbackServer.StartAsync(proxy.HandleAsync);
        return proxy;
    }

    /// <summary>One request in so many fails, in one of four ways.</summary>
    internal static Func<HttpRequest, Fault?> Random(int seed, double share)
    {
        Random random = new(seed);
        return _ =>
        {
            lock (random)
            {
                return random.NextDouble() >= share ? null : random.Next(4) switch
                {
                    0 => new Fault(503),
                    1 => new Fault { CutBefore = true },
                    2 => new Fault { CutAnswer = true },
                    _ => new Fault { CutBodyAt = 1_000 },
                };
            }
        };
    }

    public async ValueTask DisposeAsync()
    {
        await _server!.DisposeAsync();
        _client.Dispose();
    }

    private async Task HandleAsync(HttpContext context)
    {
        Interlocked.Increment(ref _requests);
        Fault? fault = _script(context.Request);
        if (fault is not null)
        {
            Interlocked.Increment(ref _faults);
        }

        if (fault is { CutBefore: true })
        {
            context.Abort();
            return;
        }

        if (fault is { Status: > 0 })
        {
            await context.Request.Body.CopyToAsync(Stream.Null, context.RequestAborted);
            context.Response.StatusCode = fault.Status;
            context.Response.Headers.RetryAfter = fault.RetryAfter?.ToString(CultureInfo.InvariantCulture);
            return;
        }

        using HttpResponseMessage answer = await ForwardAsync(context);
        if (fault is { CutAnswer: true })
        {
            context.Abort();
            return;
        }

        await ReturnAsync(context, answer, fault);
    }

    private async Task<HttpResponseMessage> ForwardAsync(HttpContext context)
    {
        string target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        HttpRequestMessage request = new(new HttpMethod(context.Request.Method), new Uri(_target.GetLeftPart(UriPartial.Authority) + target, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        MemoryStream body = new();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        bool hasBody = context.Request.ContentLength is not null || context.Request.Headers.TransferEncoding.Count > 0;
        request.Content = hasBody ? new ByteArrayContent(body.ToArray()) : null;
        foreach ((string name, Microsoft.Extensions.Primitives.StringValues values) in context.Request.Headers)
        {
            if (name is not ("Expect" or "Transfer-Encoding" or "Connection") && !request.Headers.TryAddWithoutValidation(name, values.ToArray()))
            {
                request.Content?.Headers.TryAddWithoutValidation(name, values.ToArray());
            }
        }

        return await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, context.RequestAborted);
    }

    private static async Task ReturnAsync(HttpContext context, HttpResponseMessage answer, Fault? fault)
    {
        context.Response.StatusCode = (int)answer.StatusCode;
        foreach ((string name, IEnumerable<string> values) in answer.Headers.Concat(answer.Content.Headers))
        {
            if (name is not ("Transfer-Encoding" or "Connection"))
            {
                context.Response.Headers[name] = values.ToArray();
            }
        }

        if (context.Request.Method == "HEAD" || (int)answer.StatusCode is 204 or 304)
        {
            return;
        }

        await using Stream body = await answer.Content.ReadAsStreamAsync(context.RequestAborted);
        byte[] buffer = new byte[16 << 10];
        int left = fault?.CutBodyAt ?? fault?.SilentAt ?? int.MaxValue;
        while (await body.ReadAsync(buffer.AsMemory(0, Math.Min(buffer.Length, left)), context.RequestAborted) is > 0 and int read)
        {
            await context.Response.Body.WriteAsync(buffer.AsMemory(0, read), context.RequestAborted);
            left -= read;
            if (left == 0)
            {
                await context.Response.Body.FlushAsync(context.RequestAborted);
                if (fault!.SilentAt is not null)
                {
                    await Task.Delay(Timeout.Infinite, context.RequestAborted);
                }

                context.Abort();
                return;
            }
        }
    }
}
