using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace RabbitMqBackup.TestHost;

/// <summary>A real broker for tests: taken from RABBITMQ_TEST_* if set, else from Docker, else from Debian's packages.</summary>
/// <remarks>
/// The variables are <c>RABBITMQ_TEST_HOST</c>, <c>_AMQP_PORT</c>, <c>_MANAGEMENT_PORT</c>, <c>_STREAM_PORT</c>, <c>_USER</c> and <c>_PASSWORD</c>, for a certain
/// generation with the suffix <c>_4_3</c>, <c>_4_0</c> or <c>_3_10</c>. Only <c>AMQP_PORT</c> is required; the others default to <c>localhost</c>, 15672, 5552 and <c>guest</c>.
/// </remarks>
public class TestBroker
{
    private static readonly ConcurrentDictionary<string, Lazy<Task<TestBroker>>> Shared = new();

    private readonly BrokerEndpoints _endpoints;

    private protected TestBroker(BrokerEndpoints endpoints, string user, string password, string version, string origin)
    {
        _endpoints = endpoints;
        User = user;
        Password = password;
        Version = version;
        Origin = origin;
        Management = ManagementClient(endpoints, user, password);
    }

    /// <summary>Host of all three listeners.</summary>
    public string Host => _endpoints.Host;

    /// <summary>AMQP 0-9-1.</summary>
    public int AmqpPort => _endpoints.AmqpPort;

    /// <summary>Management API.</summary>
    public int ManagementPort => _endpoints.ManagementPort;

    /// <summary>Stream protocol.</summary>
    public int StreamPort => _endpoints.StreamPort;

    /// <summary>An administrator.</summary>
    public string User { get; }

    /// <summary>The administrator's password.</summary>
    public string Password { get; }

    /// <summary>The broker's version, e.g. <c>4.3.6</c>.</summary>
    public string Version { get; }

    /// <summary>Where it comes from, for people.</summary>
    public string Origin { get; }

    /// <summary>The management API as the administrator; relative URIs start below <c>/api/</c>: <c>Management.GetStringAsync("overview")</c>.</summary>
    public HttpClient Management { get; }

    /// <summary>Base URI of the management API, as admins write it: without <c>/api</c>.</summary>
    public Uri ManagementUri => new($"http://{Host}:{ManagementPort}/");

    /// <summary>An AMQP URI with the administrator's name and password.</summary>
    public Uri AmqpUri(string virtualHost = "/") =>
        new($"amqp://{Uri.EscapeDataString(User)}:{Uri.EscapeDataString(Password)}@{Host}:{AmqpPort}/{Uri.EscapeDataString(virtualHost)}");

    /// <summary>
    /// The process's broker of this generation ("3.10", "4.0", "4.3"; null for the default one: the newest that can be had). It is started at the first call,
    /// which may take a minute where packages are installed first, and ends with the process, even with a killed one.
    /// </summary>
    /// <exception cref="TestServerUnavailableException">There is no way to get one here; the message says why. Tests skip with it.</exception>
    public static Task<TestBroker> GetAsync(string? generation = null) =>
        Shared.GetOrAdd(generation ?? "", _ => new(() => Task.Run(() => FindAsync(generation)))).Value;

    /// <summary>A broker for one test that configures or kills it; never one of RABBITMQ_TEST_*. The caller disposes it.</summary>
    /// <param name="generation">"3.10", "4.0" or "4.3".</param>
    /// <param name="extraConfiguration">Lines for its <c>rabbitmq.conf</c>.</param>
    /// <exception cref="TestServerUnavailableException">There is no way to get one here.</exception>
    public static async Task<OwnTestBroker> StartOwnAsync(string generation, string extraConfiguration = "")
    {
        return await OwnAsync(await BrokerNodes.StartAsync(BrokerGeneration.Of(generation), extraConfiguration));
    }

    /// <summary>A node of our own as a broker, when it answers.</summary>
    internal static async Task<OwnTestBroker> OwnAsync(IBrokerNode node) => new(node, await AwaitVersionAsync(node.Endpoints));

    /// <summary>Waits until a broker of our own answers over its management API, up to two minutes, and asks for its version.</summary>
    private protected static async Task<string> AwaitVersionAsync(BrokerEndpoints endpoints)
    {
        using HttpClient management = ManagementClient(endpoints, BrokerNodes.User, BrokerNodes.Password);
        DateTime deadline = DateTime.UtcNow.AddMinutes(2);
        while (true)
        {
            try
            {
                return await VersionAsync(management);
            }
            catch (HttpRequestException) when (DateTime.UtcNow < deadline)
            {
                await Task.Delay(100);
            }
        }
    }

    private static async Task<TestBroker> FindAsync(string? generation)
    {
        if (await FromEnvironmentAsync(generation) is { } given)
        {
            return given;
        }

        if (generation is not null)
        {
            return await StartSharedAsync(BrokerGeneration.Of(generation));
        }

        List<string> reasons = [];
        foreach (BrokerGeneration candidate in BrokerGeneration.All)
        {
            try
            {
                return await GetAsync(candidate.Name);
            }
            catch (TestServerUnavailableException e)
            {
                reasons.Add(e.Message);
            }
        }

        throw new TestServerUnavailableException(string.Join(Environment.NewLine, reasons));
    }

    private static async Task<TestBroker> StartSharedAsync(BrokerGeneration generation)
    {
        OwnTestBroker broker = await StartOwnAsync(generation.Name);
        // A killed process needs none of this: the node's supervisor, or the container reaper, notices that it is gone.
        AppDomain.CurrentDomain.ProcessExit += (_, _) => broker.DisposeAsync().AsTask().Wait(TimeSpan.FromSeconds(10));
        return broker;
    }

    private static async Task<TestBroker?> FromEnvironmentAsync(string? generation)
    {
        string suffix = EnvironmentSuffix(generation);
        string? Read(string name) => Environment.GetEnvironmentVariable($"RABBITMQ_TEST_{name}{suffix}") is { Length: > 0 } value ? value : null;
        int Port(string name, int fallback) => Read(name) is not { } text ? fallback
            : int.TryParse(text, out int port) ? port
            : throw new TestServerUnavailableException($"RABBITMQ_TEST_{name}{suffix} is '{text}', not a port number.");
        if (Read("AMQP_PORT") is null)
        {
            return null;
        }

        BrokerEndpoints endpoints = new(Read("HOST") ?? "localhost", Port("AMQP_PORT", 5672), Port("MANAGEMENT_PORT", 15672), Port("STREAM_PORT", 5552));
        string user = Read("USER") ?? "guest", password = Read("PASSWORD") ?? "guest";
        try
        {
            using HttpClient management = ManagementClient(endpoints, user, password);
            return new(endpoints, user, password, await VersionAsync(management), $"RABBITMQ_TEST_*{suffix}");
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            throw new TestServerUnavailableException(
                $"RABBITMQ_TEST_*{suffix} names a broker whose management API on {endpoints.Host}:{endpoints.ManagementPort} does not answer: {e.Message}");
        }
    }

    /// <summary>What the names of the variables end with for a generation; empty for the default broker.</summary>
    internal static string EnvironmentSuffix(string? generation) => generation is null ? "" : "_" + generation.Replace('.', '_');

    private static async Task<string> VersionAsync(HttpClient management)
    {
        JsonElement overview = await management.GetFromJsonAsync<JsonElement>("overview");
        return overview.GetProperty("rabbitmq_version").GetString() ?? "";
    }

    private static HttpClient ManagementClient(BrokerEndpoints endpoints, string user, string password)
    {
        // The broker closes what was idle for 60 s; a request on its way at that moment would fail.
        HttpClient client = new(new SocketsHttpHandler { PooledConnectionIdleTimeout = TimeSpan.FromSeconds(20) }) { BaseAddress = new($"http://{endpoints.Host}:{endpoints.ManagementPort}/api/"), Timeout = TimeSpan.FromSeconds(60) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));
        return client;
    }
}
