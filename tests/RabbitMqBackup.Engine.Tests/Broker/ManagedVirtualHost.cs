using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>A virtual host of the test's own on a real broker, with an independent HTTP client; deleted at the end, with the users that the test made.</summary>
internal sealed class ManagedVirtualHost : IAsyncDisposable
{
    private readonly HttpClient _http;
    private readonly List<string> _users = [];

    private ManagedVirtualHost(TestBroker broker, string name)
    {
        Name = name;
        Options = new BrokerOptions
        {
            Endpoints = [new DnsEndPoint(broker.Host, broker.AmqpPort)],
            ManagementUri = new Uri($"http://{broker.Host}:{broker.ManagementPort}"),
            Credential = new NetworkCredential(broker.User, broker.Password),
            VirtualHost = name,
        };
        Management = new ManagementClient(Options);
        _http = new HttpClient { BaseAddress = Options.ManagementUri };
        string pair = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{broker.User}:{broker.Password}"));
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", pair);
    }

    internal string Name { get; }

    internal BrokerOptions Options { get; }

    internal ManagementClient Management { get; }

    internal static CancellationToken Cancel => TestContext.Current.CancellationToken;

    internal string Path => Uri.EscapeDataString(Name);

    internal static async Task<ManagedVirtualHost> CreateAsync(string generation, string? name = null)
    {
        TestBroker broker;
        try
        {
            broker = await TestBroker.GetAsync(generation);
        }
        catch (TestServerUnavailableException exception)
        {
            Assert.Skip(exception.Message);
            throw;
        }

        ManagedVirtualHost host = new(broker, name ?? $"mgmt-{Guid.NewGuid():N}");
        await host.SendAsync(HttpMethod.Put, $"vhosts/{host.Path}", "{}");
        await host.SendAsync(HttpMethod.Put, $"permissions/{host.Path}/{broker.User}", """{"configure":".*","write":".*","read":".*"}""");
        return host;
    }

    /// <summary>Below /api/, escaped by the caller.</summary>
    internal async Task<string> SendAsync(HttpMethod method, string path, string? json = null)
    {
        using HttpRequestMessage request = new(method, $"/api/{path}");
        if (json is not null)
        {
            request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        }

        using HttpResponseMessage response = await _http.SendAsync(request, Cancel);
        string body = await response.Content.ReadAsStringAsync(Cancel);
        Assert.True(response.IsSuccessStatusCode, $"{method} {path}: {(int)response.StatusCode} {body}");
        return body;
    }

    internal async Task<JsonElement> GetAsync(string path) => JsonDocument.Parse(await SendAsync(HttpMethod.Get, path)).RootElement;

    internal Task DeclareAsync(string queue, string body = """{"durable":true}""") =>
        SendAsync(HttpMethod.Put, $"queues/{Path}/{Uri.EscapeDataString(queue)}", body);

    internal Task PutPolicyAsync(string name, string body, string kind = "policies") => SendAsync(HttpMethod.Put, $"{kind}/{Path}/{name}", body);

    /// <summary>A user with tags and, unless told otherwise, all rights in this virtual host; the options to connect as it.</summary>
    internal async Task<BrokerOptions> AddUserAsync(string tags, bool withPermission = true)
    {
        string user = $"mgmt-{Guid.NewGuid():N}";
        _users.Add(user);
        await SendAsync(HttpMethod.Put, $"users/{user}", $$"""{"password":"secret-word","tags":"{{tags}}"}""");
        if (withPermission)
        {
            await SendAsync(HttpMethod.Put, $"permissions/{Path}/{user}", """{"configure":".*","write":".*","read":".*"}""");
        }

        return Options with { Credential = new NetworkCredential(user, "secret-word") };
    }

    /// <summary>A connection of RabbitMQ's own client to this virtual host.</summary>
    internal Task<IConnection> ConnectAsync() => new ConnectionFactory
    {
        HostName = Options.Endpoints[0].Host,
        Port = Options.Endpoints[0].Port,
        UserName = Options.Credential.UserName,
        Password = Options.Credential.Password,
        VirtualHost = Name,
    }.CreateConnectionAsync(Cancel);

    /// <summary>Polls a queue's listing until it is as wanted: the API is some seconds late.</summary>
    internal async Task<QueueInfo> UntilAsync(string queue, Func<QueueInfo, bool> wanted)
    {
        for (int i = 0; i < 60; i++)
        {
            if (await Management.GetQueueAsync(new(Name, queue), Cancel) is { } info && wanted(info))
            {
                return info;
            }

            await Task.Delay(500, Cancel);
        }

        throw new TimeoutException($"Queue {queue} did not get there in 30 s.");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (string path in _users.Select(user => $"users/{user}").Append($"vhosts/{Path}"))
        {
            using HttpResponseMessage _ = await _http.DeleteAsync($"/api/{path}", CancellationToken.None);
        }

        Management.Dispose();
        _http.Dispose();
    }
}
