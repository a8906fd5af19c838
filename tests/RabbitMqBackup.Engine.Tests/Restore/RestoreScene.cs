using System.Net.Http.Json;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Restore;

/// <summary>A virtual host with one filled queue, and the harness over it.</summary>
internal sealed class RestoreScene : IAsyncDisposable
{
    private readonly List<string> _users = [];

    private RestoreScene(TestVirtualHost virtualHost, IndependentClient client)
    {
        VirtualHost = virtualHost;
        Client = client;
        Harness = EngineHarness.For(virtualHost);
    }

    internal TestVirtualHost VirtualHost { get; }

    internal IndependentClient Client { get; }

    internal EngineHarness Harness { get; }

    internal static async Task<RestoreScene> WithAsync(
        string queue, string type, IEnumerable<(BasicProperties Properties, byte[] Body)> messages, Dictionary<string, object?>? arguments = null, string? generation = null)
    {
        RestoreScene scene = await EmptyAsync(generation);
        await scene.Client.DeclareAsync(queue, type, arguments);
        await scene.Client.PublishAsync(queue, messages);
        return scene;
    }

    /// <summary>A virtual host without queues.</summary>
    internal static async Task<RestoreScene> EmptyAsync(string? generation = null)
    {
        TestVirtualHost virtualHost = await Brokers.VirtualHostAsync(generation);
        return new RestoreScene(virtualHost, await IndependentClient.ConnectAsync(virtualHost.Broker, virtualHost.Name));
    }

    /// <summary>A virtual host without queues on a broker of the test's own.</summary>
    internal static async Task<RestoreScene> OnAsync(TestBroker broker)
    {
        TestVirtualHost virtualHost = await TestVirtualHost.CreateAsync(broker);
        return new RestoreScene(virtualHost, await IndependentClient.ConnectAsync(broker, virtualHost.Name));
    }

    internal static IEnumerable<(BasicProperties Properties, byte[] Body)> Numbered(int count, int bytes = 10, int first = 0) =>
        Enumerable.Range(first, count).Select(number => (new BasicProperties { MessageId = $"{number}", Persistent = true }, new byte[bytes]));

    internal Task<RestorePlan> PlanAsync(BackupManifest manifest, Func<RestoreOptions, RestoreOptions>? change = null)
    {
        RestoreOptions options = new() { Broker = Harness.Broker, Manifest = manifest };
        return new RestoreEngine().PlanAsync(change?.Invoke(options) ?? options, TestContext.Current.CancellationToken);
    }

    /// <summary>A user of this scene's own with all rights in its virtual host and the password <c>secret</c>; deleted with the scene.</summary>
    internal async Task<string> NewUserAsync(string tags)
    {
        string name = $"user-{Guid.NewGuid():N}"[..16];
        HttpClient management = VirtualHost.Broker.Management;
        using HttpResponseMessage made = await management.PutAsJsonAsync($"users/{name}", new { password = "secret", tags });
        made.EnsureSuccessStatusCode();
        _users.Add(name);
        string path = $"permissions/{Uri.EscapeDataString(VirtualHost.Name)}/{name}";
        using HttpResponseMessage permitted = await management.PutAsJsonAsync(path, new { configure = ".*", write = ".*", read = ".*" });
        permitted.EnsureSuccessStatusCode();
        return name;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (string user in _users)
        {
            (await VirtualHost.Broker.Management.DeleteAsync($"users/{user}")).Dispose();
        }

        Harness.Dispose();
        await Client.DisposeAsync();
        await VirtualHost.DisposeAsync();
    }
}
