using System.Security.Cryptography;
using System.Text;

namespace RabbitMqBackup.TestHost;

/// <summary>A blob server for tests: taken from RABBITMQ_TEST_AZURE_* if set, else Azurite by <c>tests/servers/azurite.sh</c>.</summary>
/// <remarks>The variables are <c>RABBITMQ_TEST_AZURE_ENDPOINT</c> (with the account in its path), <c>_ACCOUNT</c> and <c>_KEY</c>.</remarks>
/// <param name="Endpoint">Base URI of the account's blob service.</param>
/// <param name="Account">Its name.</param>
/// <param name="Key">Its key, in base64.</param>
public sealed record AzuriteServer(Uri Endpoint, string Account, string Key)
{
    /// <summary>The development account's published key: it is in Microsoft's documentation and protects nothing.</summary>
    private const string PublishedKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    private static readonly Lazy<Task<AzuriteServer>> Shared = new(() => Task.Run(FindAsync));

    /// <summary>The process's server; started at the first call, which may take a minute where packages are installed first, and ended with the process.</summary>
    /// <exception cref="TestServerUnavailableException">There is no way to get one here; the message says why. Tests skip with it.</exception>
    public static Task<AzuriteServer> GetAsync() => Shared.Value;

    /// <summary>Makes a container, by a request signed here (Shared Key), for tests that must not load a cloud's library.</summary>
    public async Task CreateContainerAsync(string name)
    {
        string time = DateTime.UtcNow.ToString("R");
        string text = $"PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{time}\nx-ms-version:2021-08-06\n/{Account}{Endpoint.AbsolutePath}/{name}\nrestype:container";
        using HttpRequestMessage request = new(HttpMethod.Put, new Uri($"{Endpoint}/{name}?restype=container"));
        request.Headers.Add("x-ms-date", time);
        request.Headers.Add("x-ms-version", "2021-08-06");
        request.Headers.TryAddWithoutValidation("Authorization", $"SharedKey {Account}:{Convert.ToBase64String(HMACSHA256.HashData(Convert.FromBase64String(Key), Encoding.UTF8.GetBytes(text)))}");
        using HttpClient client = new();
        (await client.SendAsync(request)).EnsureSuccessStatusCode();
    }

    private static async Task<AzuriteServer> FindAsync()
    {
        static string Read(string name, string fallback) => Environment.GetEnvironmentVariable($"RABBITMQ_TEST_AZURE_{name}") is { Length: > 0 } value ? value : fallback;
        string account = Read("ACCOUNT", "devstoreaccount1"), key = Read("KEY", PublishedKey);
        if (Read("ENDPOINT", "") is { Length: > 0 } endpoint)
        {
            return new(new Uri(endpoint), account, key);
        }

        try
        {
            return new(new Uri($"http://127.0.0.1:{await ScriptedServer.StartAsync("azurite.sh")}/{account}"), account, key);
        }
        catch (TestServerUnavailableException e)
        {
            throw new TestServerUnavailableException($"No blob server here: RABBITMQ_TEST_AZURE_ENDPOINT is not set; Azurite: {e.Message}");
        }
    }
}
