using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>HTTP under <see cref="ManagementClient"/>: one request, one answer with a cap on its size, errors translated by status code.</summary>
internal sealed class ManagementTransport : IDisposable
{
    private const string EnableHint = "Enable it with 'rabbitmq-plugins enable rabbitmq_management', or give -ManagementUri.";

    // An error body is one line of JSON; a proxy's error page need not be read whole.
    private const int MaxErrorBytes = 64 << 10;

    private readonly HttpClient _http;
    private readonly BrokerOptions _options;
    private readonly string[] _bases;

    /// <summary>The one of them that answered last.</summary>
    private int _at;

    internal ManagementTransport(BrokerOptions options)
    {
        _options = options;
        _bases = [.. options.EffectiveManagementUris.Select(uri => new UriBuilder(uri) { UserName = "", Password = "" }.Uri.GetLeftPart(UriPartial.Path))];
        _http = new HttpClient(Handler(options)) { Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        // Deleting a limit is answered with 406 where nothing but JSON is accepted.
        _http.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("*/*", 0.5));
        if (options.Credential.UserName.Length > 0)
        {
            string pair = $"{options.Credential.UserName}:{options.Credential.Password}";
            _http.DefaultRequestHeaders.Authorization = new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(pair)));
        }
    }

    /// <summary>The API's base URI without user info.</summary>
    internal string DisplayUri => _bases[Volatile.Read(ref _at)];

    /// <summary>Sends and reads the whole answer, or null for a 404.</summary>
    /// <param name="method">GET, PUT, POST or DELETE.</param>
    /// <param name="path">Path and query below the base URI, escaped, with a leading slash.</param>
    /// <param name="body">JSON, or null.</param>
    /// <param name="maxBytes">Cap on the answer after decompression.</param>
    /// <param name="neededTag">User tag or right that the request needs, for the error.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal async Task<byte[]?> SendAsync(HttpMethod method, string path, ReadOnlyMemory<byte>? body, long maxBytes, string neededTag, CancellationToken cancellationToken)
    {
        using CancellationTokenSource timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(_options.ManagementTimeout);
        try
        {
            using HttpResponseMessage response = await SendAnywhereAsync(method, path, body, timeout.Token).ConfigureAwait(false);
            if (response.StatusCode == HttpStatusCode.NotFound)
            {
                return null;
            }

            if (!response.IsSuccessStatusCode)
            {
                byte[] text = await ReadAsync(response, MaxErrorBytes, cut: true, timeout.Token).ConfigureAwait(false);
                ManagementError error = ManagementError.Parse(text);
                // What elsewhere is a 404, /api/definitions answers with a 400.
                return error.Reason == "vhost_not_found" ? null : throw Refused(response, path, error, neededTag);
            }

            return await ReadAsync(response, maxBytes, cut: false, timeout.Token).ConfigureAwait(false);
        }
        catch (HttpRequestException exception)
        {
            throw Unreachable(exception);
        }
        catch (IOException exception)
        {
            throw Unavailable($"The management API at {DisplayUri} broke off in the middle of an answer.", exception, isTransient: true, hint: null);
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            string message = $"The management API at {DisplayUri} did not answer {method} {PathOnly(path)} within {_options.ManagementTimeout.TotalSeconds:0} s.";
            throw Unavailable(message, exception, isTransient: true, hint: null);
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>Sends to the first address that takes a connection; where none was made, nothing was sent.</summary>
    private async Task<HttpResponseMessage> SendAnywhereAsync(HttpMethod method, string path, ReadOnlyMemory<byte>? body, CancellationToken cancellationToken)
    {
        for (int tried = 1; ; tried++)
        {
            int at = Volatile.Read(ref _at);

            // Names in a path keep their %2F and %2E; canonicalisation would turn a queue's name into another path.
            Uri uri = new(_bases[at].TrimEnd('/') + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
            using HttpRequestMessage request = new(method, uri);
            if (body is { } content)
            {
                request.Content = new ReadOnlyMemoryContent(content);
                request.Content.Headers.ContentType = new("application/json");
            }

            try
            {
                return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception exception) when (tried < _bases.Length && !cancellationToken.IsCancellationRequested
                && exception is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError } or OperationCanceledException { InnerException: TimeoutException })
            {
                Interlocked.CompareExchange(ref _at, (at + 1) % _bases.Length, at);
            }
        }
    }

    private static SocketsHttpHandler Handler(BrokerOptions options)
    {
        SocketsHttpHandler handler = new()
        {
            // A redirect could carry the password to another host.
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.GZip | DecompressionMethods.Deflate,
            ConnectTimeout = options.ConnectTimeout,
            // The broker closes a connection that was idle for 60 s (its web server, by default); a request on its way at that moment would fail.
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(20),
            UseCookies = false,
            // The broker is reached as AMQP reaches it: directly.
            UseProxy = false,
        };
        if (options.Tls is { } tls)
        {
            handler.SslOptions = SslOptions(tls);
        }

        return handler;
    }

    private static SslClientAuthenticationOptions SslOptions(TlsOptions tls)
    {
        SslClientAuthenticationOptions ssl = new();
        if (tls.ClientCertificate is { } certificate)
        {
            ssl.ClientCertificates = [certificate];
            ssl.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate;
        }

        if (tls.SkipCertificateCheck)
        {
            ssl.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        }
        else if (tls.CaCertificates is { } authorities)
        {
            ssl.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            ssl.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
        }

        return ssl;
    }

    private async Task<byte[]> ReadAsync(HttpResponseMessage response, long maxBytes, bool cut, CancellationToken cancellationToken)
    {
        using Stream stream = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        using MemoryStream all = new();
        byte[] buffer = new byte[81920];
        while (true)
        {
            int read = await stream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
            if (read == 0)
            {
                return all.ToArray();
            }

            if (all.Length + read > maxBytes)
            {
                return cut ? all.ToArray() : throw Unavailable($"The management API at {DisplayUri} sent more than {maxBytes} bytes in one answer.", null, isTransient: false, hint: null);
            }

            all.Write(buffer, 0, read);
        }
    }

    private RabbitBackupException Refused(HttpResponseMessage response, string path, ManagementError error, string neededTag)
    {
        string user = _options.Credential.UserName;
        switch (response.StatusCode)
        {
            // The broker answers 401 both to a wrong password and to a missing right; only the error's code tells them apart.
            case HttpStatusCode.Unauthorized when error.Code != "not_authorised":
                return new(ErrorCode.BrokerAuthenticationFailed, $"The management API at {DisplayUri} refused the credentials of user '{user}'.")
                {
                    Target = DisplayUri,
                    Hint = "Check user name and password; 'guest' may only connect from the broker's own host.",
                };
            case HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden:
                return new(ErrorCode.BrokerAccessRefused, $"User '{user}' may not use {PathOnly(path)} of the management API at {DisplayUri}: {error.Reason}.")
                {
                    Target = PathOnly(path),
                    Hint = $"It needs {neededTag}.",
                };
            case HttpStatusCode.BadRequest:
                return new(ErrorCode.DefinitionInvalid, $"The broker refuses {PathOnly(path)}: {error.Reason}.") { Target = PathOnly(path) };
            case HttpStatusCode.MethodNotAllowed or HttpStatusCode.Conflict:
                return new(ErrorCode.DefinitionConflict, $"The broker refuses {PathOnly(path)}: {error.Reason} (HTTP {(int)response.StatusCode}).") { Target = PathOnly(path) };
            case >= HttpStatusCode.MultipleChoices and < HttpStatusCode.BadRequest:
                string location = response.Headers.Location is { IsAbsoluteUri: true } to ? to.GetLeftPart(UriPartial.Authority) : "another address";
                return Unavailable($"What answers at {DisplayUri} points to {location}; a redirect is not followed.", null, isTransient: false, hint: "Give the address itself with -ManagementUri.");
            default:
                bool transient = (int)response.StatusCode >= 500 || response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout;
                return Unavailable($"The management API at {DisplayUri} answered {PathOnly(path)} with HTTP {(int)response.StatusCode}: {error.Reason}.", null, transient, hint: null);
        }
    }

    private RabbitBackupException Unreachable(HttpRequestException exception)
    {
        if (exception.HttpRequestError == HttpRequestError.SecureConnectionError || exception.InnerException is AuthenticationException)
        {
            const string hint = "Check the certificate and its host name; -CaCertificate trusts an authority of your own, -SkipCertificateCheck any certificate.";
            return Unavailable($"No TLS connection to the management API at {DisplayUri}: {Innermost(exception)}", exception, isTransient: false, hint);
        }

        return Unavailable($"The management API at {DisplayUri} does not answer: {Innermost(exception)} This module needs it to list queues and their limits.", exception, isTransient: true, EnableHint);
    }

    private RabbitBackupException Unavailable(string message, Exception? inner, bool isTransient, string? hint) =>
        new(ErrorCode.ManagementApiUnavailable, message, inner) { Target = DisplayUri, IsTransient = isTransient, Hint = hint };

    private static string Innermost(Exception exception)
    {
        string message = exception.GetBaseException().Message;
        return message.EndsWith('.') ? message : message + ".";
    }

    private static string PathOnly(string path) => path.Split('?')[0];
}
