namespace RabbitMqBackup.TestHost;

/// <summary>A real S3 server for tests: taken from RABBITMQ_TEST_S3_* if set, else a one-node Ceph by <c>tests/servers/s3-ceph.sh</c>.</summary>
/// <remarks>The variables are <c>RABBITMQ_TEST_S3_ENDPOINT</c>, <c>_ACCESS_KEY</c> and <c>_SECRET_KEY</c>; the user must be allowed to create buckets.</remarks>
/// <param name="Endpoint">Base URI.</param>
/// <param name="AccessKey">A user's access key.</param>
/// <param name="SecretKey">That user's secret key.</param>
public sealed record CephServer(Uri Endpoint, string AccessKey, string SecretKey)
{
    private static readonly Lazy<Task<CephServer>> Shared = new(() => Task.Run(FindAsync));

    /// <summary>The process's server; started at the first call, which may take a minute where packages are installed first, and ended with the process.</summary>
    /// <exception cref="TestServerUnavailableException">There is no way to get one here; the message says why. Tests skip with it.</exception>
    public static Task<CephServer> GetAsync() => Shared.Value;

    private static async Task<CephServer> FindAsync()
    {
        if (Environment.GetEnvironmentVariable("RABBITMQ_TEST_S3_ENDPOINT") is { Length: > 0 } endpoint)
        {
            return new(new Uri(endpoint), Environment.GetEnvironmentVariable("RABBITMQ_TEST_S3_ACCESS_KEY") ?? "", Environment.GetEnvironmentVariable("RABBITMQ_TEST_S3_SECRET_KEY") ?? "");
        }

        try
        {
            return new(new Uri($"http://127.0.0.1:{await ScriptedServer.StartAsync("s3-ceph.sh")}"), "AKTEST", "SKTESTSECRET");
        }
        catch (TestServerUnavailableException e)
        {
            throw new TestServerUnavailableException($"No S3 server here: RABBITMQ_TEST_S3_ENDPOINT is not set; Ceph: {e.Message}");
        }
    }
}
