using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Google.Apis.Auth.OAuth2;
using Google.Apis.Auth.OAuth2.Responses;
using Google.Apis.Http;
using Google.Apis.Services;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>
/// Requests to the JSON API of Google Cloud Storage. Google's library finds the credentials and signs the requests; the few requests that a backup needs are made here, since its upload and
/// download classes neither stream with back-pressure nor leave repeating to us.
/// </summary>
internal sealed class GcsClient : IDisposable
{
    private const string Scope = "https://www.googleapis.com/auth/devstorage.read_write";

    private readonly Lazy<Task<GcsService>> _service;
    private readonly CloudErrors _errors;
    private readonly string _place;
    private readonly TimeSpan _requestTimeout;

    internal GcsClient(StoreUri uri, GcsOptions options, TimeSpan requestTimeout)
    {
        _place = uri.DisplayUri;
        _errors = new CloudErrors(_place);
        _requestTimeout = requestTimeout;
        BaseUri = (options.Endpoint?.ToString() ?? "https://storage.googleapis.com").TrimEnd('/');

        // Looking for credentials can mean asking a metadata server: not before the first request.
        _service = new Lazy<Task<GcsService>>(() => ConnectAsync(options));
    }

    /// <summary>Without a slash at its end.</summary>
    internal string BaseUri { get; }

    internal static GcsStore Open(StoreUri uri, GcsOptions options, RetryPolicy policy, TimeSpan requestTimeout) => new(new GcsClient(uri, options, requestTimeout), uri, options, policy);

    /// <summary>Sends a request and gives whatever comes, up to the headers.</summary>
    /// <exception cref="RabbitBackupException">There was no answer.</exception>
    internal async Task<HttpResponseMessage> SendAsync(Func<HttpRequestMessage> request, string target, CancellationToken cancellationToken)
    {
        try
        {
            GcsService service = await _service.Value.WaitAsync(cancellationToken).ConfigureAwait(false);
            using HttpRequestMessage message = request();
            return await service.HttpClient.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (Translate(exception, target, cancellationToken) is { } translated)
        {
            throw translated;
        }
    }

    /// <summary>Sends a request that answers with JSON.</summary>
    /// <exception cref="RabbitBackupException">It failed; 404 and 412 too, so callers that expect them use <see cref="SendAsync"/>.</exception>
    internal async Task<JsonElement> AskAsync(Func<HttpRequestMessage> request, string target, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await SendAsync(request, target, cancellationToken).ConfigureAwait(false);
        await ThrowIfFailedAsync(response, target, cancellationToken).ConfigureAwait(false);
        return await ReadJsonAsync(response, target, cancellationToken).ConfigureAwait(false);
    }

    internal async Task<JsonElement> ReadJsonAsync(HttpResponseMessage response, string target, CancellationToken cancellationToken)
    {
        // The client's own time-out has ended with the headers.
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(_requestTimeout);
        try
        {
            using JsonDocument json = JsonDocument.Parse(await WholeAnswer.ReadAsync(response.Content, patience.Token).ConfigureAwait(false));
            return json.RootElement.ValueKind == JsonValueKind.Object ? json.RootElement.Clone() : throw new JsonException("It is no object.");
        }
        catch (JsonException exception)
        {
            throw new RabbitBackupException(ErrorCode.StorageUnavailable, $"'{_place}' answered with something that is no JSON.", exception) { Target = _errors.Named(target), IsTransient = true, Hint = "Check the endpoint, and proxies on the way." };
        }
        catch (Exception exception) when (Translate(exception, target, cancellationToken) is { } translated)
        {
            throw translated;
        }
    }

    /// <exception cref="RabbitBackupException">The status is no success.</exception>
    internal async Task ThrowIfFailedAsync(HttpResponseMessage response, string target, CancellationToken cancellationToken)
    {
        if (response.IsSuccessStatusCode)
        {
            return;
        }

        string? reason = null;
        if (response.Content.Headers.ContentType?.MediaType == "application/json")
        {
            JsonElement body = await ReadJsonAsync(response, target, cancellationToken).ConfigureAwait(false);
            reason = body.ValueKind == JsonValueKind.Object && body.TryGetProperty("error", out JsonElement error) && error.ValueKind == JsonValueKind.Object
                && error.TryGetProperty("errors", out JsonElement errors) && errors.ValueKind == JsonValueKind.Array && errors.GetArrayLength() > 0
                && errors[0].TryGetProperty("reason", out JsonElement text) ? text.ToString() : null;
        }

        TimeSpan? retryAfter = response.Headers.RetryAfter is { } wish ? wish.Delta ?? (wish.Date - DateTimeOffset.UtcNow) : null;
        HttpRequestException inner = new($"{(int)response.StatusCode} {reason}", null, response.StatusCode);
        throw _errors.FromStatus((int)response.StatusCode, reason, target, retryAfter, inner);
    }

    internal RabbitBackupException? Translate(Exception exception, string target, CancellationToken cancellationToken) => exception switch
    {
        RabbitBackupException => null,
        TokenResponseException token => NoCredentials(target, $"Google refuses the credentials ({token.Error?.Error ?? "no token"})", exception),
        InvalidOperationException => NoCredentials(target, "no application default credentials were found", exception),
        _ => _errors.FromNetwork(exception, target, cancellationToken),
    };

    /// <summary>The bucket does not exist.</summary>
    internal RabbitBackupException NoBucket(string target, Exception inner) => _errors.NoBucket(target, inner);

    /// <summary>The answer to a put does not say what was stored.</summary>
    internal RabbitBackupException NotFromStore(string target) => _errors.NotFromStore(target);

    /// <summary>The content arrived with another checksum.</summary>
    internal RabbitBackupException Garbled(string target) => _errors.Garbled(target, null);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_service is { IsValueCreated: true, Value.IsCompletedSuccessfully: true })
        {
            _service.Value.Result.Dispose();
        }
    }

    private RabbitBackupException NoCredentials(string target, string what, Exception inner) => new(ErrorCode.StorageAccessDenied, $"'{_place}': {what}.", inner)
    {
        Target = _errors.Named(target),
        Hint = "Run 'gcloud auth application-default login', set GOOGLE_APPLICATION_CREDENTIALS, run where a service account is attached, or give a service account's key file.",
    };

    private async Task<GcsService> ConnectAsync(GcsOptions options)
    {
        GoogleCredential credential;
        try
        {
            credential = options.CredentialFile is { } file
                ? (await CredentialFactory.FromFileAsync<ServiceAccountCredential>(file, CancellationToken.None).ConfigureAwait(false)).ToGoogleCredential()
                : await GoogleCredential.GetApplicationDefaultAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (options.CredentialFile is not null && exception is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            throw NoCredentials(options.CredentialFile!, $"'{options.CredentialFile}' is no readable key file of a service account", exception);
        }

        GcsService service = new(new BaseClientService.Initializer
        {
            ApplicationName = "RabbitMqBackup",
            HttpClientInitializer = credential.CreateScoped(Scope),
            DefaultExponentialBackOffPolicy = ExponentialBackOffPolicy.None,
            // Objects are taken as they are stored.
            GZipEnabled = false,
        });
        service.HttpClient.Timeout = _requestTimeout;
        return service;
    }

    /// <summary>Google's base class for services, for its HTTP client.</summary>
    private sealed class GcsService(BaseClientService.Initializer initializer) : BaseClientService(initializer)
    {
        public override string Name => "storage";

        public override string BaseUri => "https://storage.googleapis.com/storage/v1/";

        public override string BasePath => "storage/v1/";

        public override IList<string> Features => [];
    }
}
