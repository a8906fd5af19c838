using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>A virtual host with a queue in some situation that applications can bring it into.</summary>
internal sealed class Situation : IAsyncDisposable
{
    /// <summary>The queue that most situations are about.</summary>
    internal const string Queue = "orders";

    private Situation(TestVirtualHost host, IndependentClient client) => (Host, Client, Harness) = (host, client, EngineHarness.For(host));

    public static TheoryData<string> Generations => new() { "3.10", "4.0", "4.3" };

    public static TheoryData<string, string> GenerationsAndTypes => new()
    {
        { "3.10", "classic" }, { "3.10", "quorum" }, { "4.0", "classic" }, { "4.0", "quorum" }, { "4.3", "classic" }, { "4.3", "quorum" },
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    internal TestVirtualHost Host { get; }

    internal IndependentClient Client { get; }

    internal EngineHarness Harness { get; }

    internal static async Task<Situation> CreateAsync(string generation, TestBroker? broker = null)
    {
        TestVirtualHost host = await (broker is null ? Brokers.VirtualHostAsync(generation) : TestVirtualHost.CreateAsync(broker));
        return new Situation(host, await IndependentClient.ConnectAsync(host.Broker, host.Name));
    }

    internal Task FillAsync(int count, string queue = Queue, int bytes = 10) =>
        Client.PublishAsync(queue, Enumerable.Range(0, count).Select(number => (new BasicProperties { MessageId = $"{number}" }, new byte[bytes])));

    internal async Task<QueueEntry> BackupAsync(string queue = Queue, bool force = false, long? perSecond = null, TimeSpan? hold = null, long? reserve = null) =>
        Assert.Single((await Harness.BackupAsync(options => options with
        {
            Selection = options.Selection with { Names = [queue] },
            Force = force,
            MaxMessagesPerSecond = perSecond,
            MaxHoldTime = hold,
            DeliveryLimitReserve = reserve,
        })).Queues);

    internal async Task AssertIdsAsync(int count, string queue = Queue)
    {
        await UntilCountAsync(queue, (uint)count);
        Assert.Equal(Enumerable.Range(0, count).Select(number => $"{number}"), await Client.TakeIdsAsync(queue));
    }

    internal Task UntilCountAsync(string queue, uint count) => Client.UntilCountAsync(queue, count);

    /// <summary>
    /// The next backup takes its first messages, and no more before this is set: what is done meanwhile is done while it holds the queue, on any machine. It needs a rate,
    /// and bodies so large that the messages do not come in one piece.
    /// </summary>
    /// <param name="after">Messages of all queues that come before: where returns count the first of a queue is fetched alone, and the others only then.</param>
    internal ManualResetEventSlim HoldUp(int after = 1)
    {
        ManualResetEventSlim go = new();
        Harness.OnAdvance = messages =>
        {
            if (messages > after)
            {
                Assert.True(go.Wait(TimeSpan.FromMinutes(2)), "Nobody let the backup go on.");
            }
        };
        return go;
    }

    /// <summary>Waits until the backup holds all that was ready.</summary>
    internal Task UntilHeldAsync(string queue) => UntilCountAsync(queue, 0);

    internal async Task UntilListedAsync(Func<QueueInfo, bool> wanted, string queue = Queue)
    {
        using ManagementClient management = new(Harness.Broker);
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); await management.GetQueueAsync(new(Host.Name, queue), Cancellation) is not { } info || !wanted(info); await Task.Delay(200, Cancellation))
        {
            Assert.True(DateTime.UtcNow < deadline, "The management API does not list the queue as it should be.");
        }
    }

    internal async Task PutPolicyAsync(string definition, int priority = 1, string kind = "policies")
    {
        using StringContent body = new($$"""{"pattern":"^{{Queue}}$","apply-to":"queues","priority":{{priority}},"definition":{{definition}}}""");
        body.Headers.ContentType = new("application/json");
        using HttpResponseMessage put = await Host.Broker.Management.PutAsync($"{kind}/{Uri.EscapeDataString(Host.Name)}/limit", body, Cancellation);
        put.EnsureSuccessStatusCode();
    }

    /// <summary>The ids are those of so many messages, none missing, none twice.</summary>
    internal static void AssertNumbers(int count, IEnumerable<string> ids, bool inOrder)
    {
        IEnumerable<int> numbers = ids.Select(int.Parse);
        Assert.Equal(Enumerable.Range(0, count), inOrder ? numbers : numbers.Order());
    }

    public async ValueTask DisposeAsync()
    {
        Harness.Dispose();
        await Client.DisposeAsync();
        await Host.DisposeAsync();
    }
}
