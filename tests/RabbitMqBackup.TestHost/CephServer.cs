using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace RabbitMqBackup.TestHost;

/// <summary>A real S3 server for tests: taken from RABBITMQ_TEST_S3_* if set, else a one-node Ceph by <c>tests/servers/s3-ceph.sh</c>.</summary>
/// <remarks>The variables are <c>RABBITMQ_TEST_S3_ENDPOINT</c>, <c>_ACCESS_KEY</c> and <c>_SECRET_KEY</c>; the user must be allowed to create buckets.</remarks>
/// <param name="Endpoint">Base URI.</param>
/// <param name="AccessKey">A user's access key.</param>
/// <param name="SecretKey">That user's secret key.</param>
public sealed record CephServer(Uri Endpoint, string AccessKey, string SecretKey)
{
    private const string Script = "s3-ceph.sh";

    private static readonly Lazy<Task<CephServer>> Shared = new(() => Task.Run(FindAsync));

    /// <summary>The process's server; started at the first call, which may take a minute where packages are installed first, and ended with the process.</summary>
    /// <exception cref="TestServerUnavailableException">There is no way to get one here; the message says why. Tests skip with it.</exception>
    public static Task<CephServer> GetAsync() => Shared.Value;

    private bool IsOurs { get; init; }

    /// <summary>Makes a bucket, by a request signed here, for tests that must not load a cloud's library.</summary>
    public async Task CreateBucketAsync(string name)
    {
        using HttpResponseMessage answer = await SendAsync(HttpMethod.Put, name);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>Sends a request without a body to a bucket, signed with AWS Signature Version 4.</summary>
    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string bucket)
    {
        string time = DateTime.UtcNow.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture), scope = $"{time[..8]}/us-east-1/s3/aws4_request";
        string nothing = Hex(SHA256.HashData([]));
        string canonical = $"{method}\n/{bucket}\n\nhost:{Endpoint.Authority}\nx-amz-content-sha256:{nothing}\nx-amz-date:{time}\n\nhost;x-amz-content-sha256;x-amz-date\n{nothing}";
        byte[] key = Encoding.UTF8.GetBytes($"AWS4{SecretKey}");
        foreach (string part in scope.Split('/'))
        {
            key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(part));
        }

        string signature = Hex(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"AWS4-HMAC-SHA256\n{time}\n{scope}\n{Hex(SHA256.HashData(Encoding.UTF8.GetBytes(canonical)))}")));
        using HttpRequestMessage request = new(method, new Uri(Endpoint, bucket));
        request.Headers.Add("x-amz-content-sha256", nothing);
        request.Headers.Add("x-amz-date", time);
        request.Headers.TryAddWithoutValidation("Authorization", $"AWS4-HMAC-SHA256 Credential={AccessKey}/{scope}, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={signature}");
        using HttpClient client = new();
        return await client.SendAsync(request);
    }

    /// <summary>A gateway answers before it has all it needs: in its first seconds, on a busy machine, it was seen to refuse listings and to answer 400 to unknown users.</summary>
    private async Task<CephServer> WhenReadyAsync()
    {
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); ; await Task.Delay(200))
        {
            using HttpResponseMessage made = await SendAsync(HttpMethod.Put, "ready"), listed = await SendAsync(HttpMethod.Get, "ready");
            using HttpResponseMessage refused = await (this with { AccessKey = "NOBODY" }).SendAsync(HttpMethod.Get, "ready");
            if (made.IsSuccessStatusCode && listed.IsSuccessStatusCode && refused.StatusCode == HttpStatusCode.Forbidden)
            {
                return this;
            }

            if (DateTime.UtcNow > deadline)
            {
                throw new TestServerUnavailableException($"it answers {made.StatusCode} to a bucket's making, {listed.StatusCode} to a listing and {refused.StatusCode} to an unknown user.");
            }
        }
    }

    /// <summary>Orders radosgw-admin something: other users, quotas.</summary>
    /// <exception cref="TestServerUnavailableException">The server is not one of ours. Tests skip with it.</exception>
    /// <exception cref="InvalidOperationException">It was refused, with the reason.</exception>
    public async Task AdministerAsync(params string[] arguments)
    {
        if (!IsOurs)
        {
            throw new TestServerUnavailableException("The server of RABBITMQ_TEST_S3_ENDPOINT is not the tests' own: they make no users and set no quotas there.");
        }

        try
        {
            await ScriptedServer.RunToEndAsync(Script, ["admin", $"{Endpoint.Port}", .. arguments]);
        }
        catch (TestServerUnavailableException reason)
        {
            throw new InvalidOperationException(reason.Message, reason);
        }
    }

    private static string Hex(byte[] bytes) => Convert.ToHexString(bytes).ToLowerInvariant();

    private static async Task<CephServer> FindAsync()
    {
        if (Environment.GetEnvironmentVariable("RABBITMQ_TEST_S3_ENDPOINT") is { Length: > 0 } endpoint)
        {
            return new(new Uri(endpoint), Environment.GetEnvironmentVariable("RABBITMQ_TEST_S3_ACCESS_KEY") ?? "", Environment.GetEnvironmentVariable("RABBITMQ_TEST_S3_SECRET_KEY") ?? "");
        }

        try
        {
            CephServer started = new(new Uri($"http://127.0.0.1:{await ScriptedServer.StartAsync(Script)}"), "AKTEST", "SKTESTSECRET") { IsOurs = true };
            return await started.WhenReadyAsync();
        }
        catch (TestServerUnavailableException e)
        {
            throw new TestServerUnavailableException($"No S3 server here: RABBITMQ_TEST_S3_ENDPOINT is not set; Ceph: {e.Message}");
        }
    }
}
