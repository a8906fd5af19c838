using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker.Streams;

/// <summary>A virtual host of its own on a real broker, deleted at the end.</summary>
internal sealed class StreamTestHost : IAsyncDisposable
{
    private readonly TestBroker _broker;
    private readonly HttpClient _management;

    private StreamTestHost(TestBroker broker, string virtualHost)
    {
        _broker = broker;
        VirtualHost = virtualHost;
        _management = new HttpClient { BaseAddress = new Uri($"http://{broker.Host}:{broker.ManagementPort}/api/") };
        _management.DefaultRequestHeaders.Authorization =
            new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{broker.User}:{broker.Password}")));
        Options = new BrokerOptions
        {
            Endpoints = [new DnsEndPoint(broker.Host, broker.AmqpPort)],
            StreamEndpoint = Endpoint,
            Credential = new NetworkCredential(broker.User, broker.Password),
            VirtualHost = virtualHost,
            RequestTimeout = TimeSpan.FromSeconds(20),
        };
    }

    internal string VirtualHost { get; }

    internal BrokerOptions Options { get; }

    internal DnsEndPoint Endpoint => new(_broker.Host, _broker.StreamPort);

    internal Uri AmqpUri => new($"amqp://{_broker.User}:{_broker.Password}@{_broker.Host}:{_broker.AmqpPort}/{Uri.EscapeDataString(VirtualHost)}");

    internal Uri Amqp10Address => new($"amqp://{_broker.User}:{_broker.Password}@{_broker.Host}:{_broker.AmqpPort}");

    internal static async Task<StreamTestHost> StartAsync(string generation)
    {
        TestBroker broker;
        try
        {
            broker = await TestBroker.GetAsync(generation);
        }
        catch (TestServerUnavailableException e)
        {
            Assert.Skip(e.Message);
            throw;
        }

        StreamTestHost host = new(broker, "streams-" + Guid.NewGuid().ToString("N"));
        (await host._management.PutAsJsonAsync($"vhosts/{host.VirtualHost}", new { })).EnsureSuccessStatusCode();
        (await host._management.PutAsJsonAsync($"permissions/{host.VirtualHost}/{broker.User}", new { configure = ".*", write = ".*", read = ".*" })).EnsureSuccessStatusCode();
        return host;
    }

    internal Task<StreamConnection> ConnectAsync() =>
        StreamConnection.OpenAsync(Options, Endpoint, VirtualHost, cancellationToken: TestContext.Current.CancellationToken);

    internal Task<IConnection> ConnectAmqpAsync() => new ConnectionFactory { Uri = AmqpUri }.CreateConnectionAsync(TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        using HttpResponseMessage deleted = await _management.DeleteAsync($"vhosts/{VirtualHost}");
        _management.Dispose();
    }
}
