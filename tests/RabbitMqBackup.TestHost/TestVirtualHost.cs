using System.Net;
using System.Net.Http.Json;

namespace RabbitMqBackup.TestHost;

/// <summary>A virtual host of one test's own, with a random name. Disposing it deletes it with all that is in it.</summary>
public sealed class TestVirtualHost : IAsyncDisposable
{
    private TestVirtualHost(TestBroker broker, string name)
    {
        Broker = broker;
        Name = name;
    }

    /// <summary>The broker it is on.</summary>
    public TestBroker Broker { get; }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>AMQP URI of it, with the administrator's name and password.</summary>
    public Uri AmqpUri => Broker.AmqpUri(Name);

    /// <summary>Makes one in which the broker's administrator may do everything.</summary>
    /// <param name="broker">Where.</param>
    /// <param name="purpose">Begin of its name, for whoever looks at the broker.</param>
    public static async Task<TestVirtualHost> CreateAsync(TestBroker broker, string purpose = "test")
    {
        TestVirtualHost virtualHost = new(broker, $"{purpose}-{Guid.NewGuid().ToString("N")[..12]}");
        using HttpResponseMessage made = await broker.Management.PutAsJsonAsync(virtualHost.Path, new { });
        made.EnsureSuccessStatusCode();
        string permissions = $"permissions/{Uri.EscapeDataString(virtualHost.Name)}/{Uri.EscapeDataString(broker.User)}";
        using HttpResponseMessage permitted = await broker.Management.PutAsJsonAsync(permissions, new { configure = ".*", write = ".*", read = ".*" });
        permitted.EnsureSuccessStatusCode();
        return virtualHost;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            using HttpResponseMessage deleted = await Broker.Management.DeleteAsync(Path);
            if (deleted.StatusCode != HttpStatusCode.NotFound)
            {
                deleted.EnsureSuccessStatusCode();
            }
        }
        catch (HttpRequestException e) when (e.StatusCode is null)
        {
            // The test killed its broker: its data go with it.
        }
    }

    private string Path => $"vhosts/{Uri.EscapeDataString(Name)}";
}
