using System.Net.Http.Json;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>A quorum queue with a limit and a dead-letter queue, which must stay empty.</summary>
internal sealed class LimitedQueue : IAsyncDisposable
{
    /// <summary>Messages in it.</summary>
    internal const int Count = 60;

    /// <summary>Its name.</summary>
    internal const string Queue = "orders";

    private const string DeadLetters = "dead";

    private readonly TestVirtualHost _host;
    private readonly IndependentClient _client;
    private readonly List<string> _users = [];

    private LimitedQueue(TestVirtualHost host, IndependentClient client) => (_host, _client, Harness) = (host, client, EngineHarness.For(host));

    /// <summary>Generation, where the limit comes from, the limit in force (0 for none), and whether a return counts.</summary>
    public static TheoryData<string, string, int, bool> Limits => new()
    {
        { "3.10", "none", 0, true },
        { "3.10", "policy", 20, true },
        { "3.10", "policy", 3, true },
        { "3.10", "argument", 3, true },
        { "4.0", "default", 20, true },
        { "4.0", "policy", 3, true },
        { "4.0", "argument", 3, true },
        { "4.3", "default", 20, false },
        { "4.3", "policy", 3, false },
        { "4.3", "argument", 3, false },
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    internal EngineHarness Harness { get; }

    internal string VirtualHost => _host.Name;

    internal static async Task<LimitedQueue> CreateAsync(string generation, string source, int limit, string? definition = null)
    {
        TestVirtualHost host = await Brokers.VirtualHostAsync(generation);
        LimitedQueue queue = new(host, await IndependentClient.ConnectAsync(host.Broker, host.Name));
        if (source is "policy" or "operator")
        {
            string kind = source == "policy" ? "policies" : "operator-policies";
            using StringContent body = new($$"""{"pattern":"^{{Queue}}$","apply-to":"queues","priority":7,"definition":{{definition ?? $$"""{"delivery-limit":{{limit}}}"""}}}""");
            body.Headers.ContentType = new("application/json");
            using HttpResponseMessage put = await host.Broker.Management.PutAsync($"{kind}/{Uri.EscapeDataString(host.Name)}/limit", body, Cancellation);
            put.EnsureSuccessStatusCode();
        }

        Dictionary<string, object?> arguments = new() { ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = DeadLetters };
        if (source == "argument")
        {
            arguments["x-delivery-limit"] = limit;
        }

        await queue._client.DeclareAsync(DeadLetters, "classic");
        await queue._client.DeclareAsync(Queue, "quorum", arguments);
        await queue._client.PublishAsync(Queue, Messages());
        return queue;
    }

    internal async Task<QueueEntry> BackupAsync(bool force = false, long? reserve = null) => Assert.Single((await Harness.BackupAsync(options => options with
    {
        Force = force,
        DeliveryLimitReserve = reserve,
        Selection = options.Selection with { Names = [Queue] },
    })).Queues);

    internal async Task<List<BackupPolicy>> PoliciesAsync()
    {
        List<BackupPolicy> policies = [];
        await foreach (BackupPolicy policy in BackupPolicies.ListAsync(Harness.Broker, [], [VirtualHost], Cancellation))
        {
            policies.Add(policy);
        }

        return policies;
    }

    /// <summary>Waits until the management API, which is some seconds late, lists the whole depth.</summary>
    internal async Task AwaitListedAsync()
    {
        using ManagementClient management = new(Harness.Broker);
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); (await management.GetQueueAsync(new(VirtualHost, Queue), Cancellation))?.Messages != Count; await Task.Delay(200, Cancellation))
        {
            Assert.True(DateTime.UtcNow < deadline, "The management API does not list the messages.");
        }
    }

    /// <summary>As an application that fails: takes the first message and gives it back, so often.</summary>
    internal async Task RejectFirstAsync(int times) => await _client.RejectFirstAsync(Queue, times);

    internal async Task<BrokerOptions> AddUserAsync(string tags)
    {
        string name = $"limit-{Guid.NewGuid():N}";
        _users.Add(name);
        HttpClient management = _host.Broker.Management;
        (await management.PutAsJsonAsync($"users/{name}", new { password = "secret-word", tags }, Cancellation)).EnsureSuccessStatusCode();
        (await management.PutAsJsonAsync($"permissions/{Uri.EscapeDataString(VirtualHost)}/{name}", new { configure = ".*", write = ".*", read = ".*" }, Cancellation)).EnsureSuccessStatusCode();
        return Harness.Broker with { Credential = new(name, "secret-word") };
    }

    /// <summary>All messages are there, in their order. Costs each a delivery.</summary>
    internal async Task AssertOrderAsync() =>
        Assert.Equal(Messages().Select(message => IndependentClient.Fingerprint(message.Properties, message.Body)), await _client.FingerprintsAsync(Queue));

    /// <summary>All messages are there, in their order, and none was dead-lettered. Takes them.</summary>
    internal async Task AssertUnharmedAsync()
    {
        Assert.Equal(0u, await _client.CountAsync(DeadLetters));
        Assert.Equal((uint)Count, await _client.CountAsync(Queue));
        Assert.Equal(Messages().Select(message => IndependentClient.Fingerprint(message.Properties, message.Body)), await _client.TakeFingerprintsAsync(Queue));
        Assert.Equal(0u, await _client.CountAsync(DeadLetters));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (string user in _users)
        {
            using HttpResponseMessage _ = await _host.Broker.Management.DeleteAsync($"users/{user}", CancellationToken.None);
        }

        Harness.Dispose();
        await _client.DisposeAsync();
        await _host.DisposeAsync();
    }

    private static IEnumerable<(BasicProperties Properties, byte[] Body)> Messages() =>
        Enumerable.Range(0, Count).Select(number => (new BasicProperties { MessageId = $"{number}" }, new byte[10]));
}
