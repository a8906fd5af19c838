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
    internal const string Queue = Situation.Queue;

    private const string DeadLetters = "dead";

    private readonly Situation _at;
    private readonly List<string> _users = [];

    private LimitedQueue(Situation at) => _at = at;

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

    internal EngineHarness Harness => _at.Harness;

    internal string VirtualHost => _at.Host.Name;

    internal static async Task<LimitedQueue> CreateAsync(string generation, string source, int limit, string? definition = null, TestBroker? broker = null)
    {
        LimitedQueue queue = new(await Situation.CreateAsync(generation, broker));
        if (source is "policy" or "operator")
        {
            await queue._at.PutPolicyAsync(definition ?? $$"""{"delivery-limit":{{limit}}}""", priority: 7, source == "policy" ? "policies" : "operator-policies");
        }

        Dictionary<string, object?> arguments = new() { ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = DeadLetters };
        if (source == "argument")
        {
            arguments["x-delivery-limit"] = limit;
        }

        await queue._at.Client.DeclareAsync(DeadLetters, "classic");
        await queue._at.Client.DeclareAsync(Queue, "quorum", arguments);
        await queue._at.Client.PublishAsync(Queue, Messages());
        return queue;
    }

    internal Task<QueueEntry> BackupAsync(bool force = false, long? reserve = null) => _at.BackupAsync(force: force, reserve: reserve);

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
    internal Task AwaitListedAsync() => _at.UntilListedAsync(queue => queue.Messages == Count);

    /// <summary>As an application that fails: takes the first message and gives it back, so often.</summary>
    internal async Task RejectFirstAsync(int times) => await _at.Client.RejectFirstAsync(Queue, times);

    internal async Task<BrokerOptions> AddUserAsync(string tags)
    {
        string name = $"limit-{Guid.NewGuid():N}";
        _users.Add(name);
        HttpClient management = _at.Host.Broker.Management;
        (await management.PutAsJsonAsync($"users/{name}", new { password = "secret-word", tags }, Cancellation)).EnsureSuccessStatusCode();
        (await management.PutAsJsonAsync($"permissions/{Uri.EscapeDataString(VirtualHost)}/{name}", new { configure = ".*", write = ".*", read = ".*" }, Cancellation)).EnsureSuccessStatusCode();
        return Harness.Broker with { Credential = new(name, "secret-word") };
    }

    /// <summary>All messages are there, in their order. Costs each a delivery.</summary>
    internal async Task AssertOrderAsync() =>
        Assert.Equal(Messages().Select(message => IndependentClient.Fingerprint(message.Properties, message.Body)), await _at.Client.FingerprintsAsync(Queue));

    /// <summary>All messages are there, in their order, and none was dead-lettered. Takes them.</summary>
    internal async Task AssertUnharmedAsync()
    {
        Assert.Equal(0u, await _at.Client.CountAsync(DeadLetters));
        Assert.Equal((uint)Count, await _at.Client.CountAsync(Queue));
        Assert.Equal(Messages().Select(message => IndependentClient.Fingerprint(message.Properties, message.Body)), await _at.Client.TakeFingerprintsAsync(Queue));
        Assert.Equal(0u, await _at.Client.CountAsync(DeadLetters));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (string user in _users)
        {
            using HttpResponseMessage _ = await _at.Host.Broker.Management.DeleteAsync($"users/{user}", CancellationToken.None);
        }

        await _at.DisposeAsync();
    }

    private static IEnumerable<(BasicProperties Properties, byte[] Body)> Messages() =>
        Enumerable.Range(0, Count).Select(number => (new BasicProperties { MessageId = $"{number}" }, new byte[10]));
}
