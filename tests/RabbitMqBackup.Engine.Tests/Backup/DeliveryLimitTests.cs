using System.Net.Http.Json;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.Engine.Tests.Faults;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>Backups of quorum queues whose messages pay for each read with a delivery: nothing may be lost or dead-lettered, and the reports say what is so.</summary>
public class DeliveryLimitTests
{
    private const int Runs = 40;
    private const int Count = 60;
    private const string Queue = "orders";

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

    [Theory]
    [MemberData(nameof(Limits))]
    public async Task Forty_backups_in_a_row_stop_at_the_reserve_and_leave_every_message_in_its_place(string generation, string source, int limit, bool counts)
    {
        await using LimitedQueue queue = await LimitedQueue.CreateAsync(generation, source, limit);
        int reserve = Math.Max(1, limit / 5);
        int readable = limit == 0 || !counts ? Runs : limit - reserve;
        for (int run = 0; run < Runs; run++)
        {
            if (run == readable)
            {
                // Else the pre-flight check could see an older depth and look again.
                await queue.AwaitListedAsync();
            }

            QueueEntry entry = await queue.BackupAsync();
            if (run < readable)
            {
                Assert.Equal((QueueOutcome.Captured, Count, counts && run > 0 ? run : 0), (entry.Outcome, (int)entry.Messages, (int)(entry.HighestDeliveryCount ?? 0)));
            }
            else
            {
                Assert.Equal((QueueOutcome.Skipped, nameof(ErrorCode.QueueAtRisk), 0), (entry.Outcome, entry.ErrorCode, (int)entry.Messages));
                Assert.Contains($"given back {readable - 1} times", entry.Reason, StringComparison.Ordinal);
            }

            Assert.Empty(entry.Notes);
            Assert.Equal(Count, entry.Messages + entry.Gaps.Sum(gap => gap.Messages));
        }

        Assert.Equal(Math.Max(0, Runs - readable), queue.Harness.Failures.Count(failure => failure.Code == ErrorCode.QueueAtRisk));
        await queue.AssertUnharmedAsync();
        Assert.Empty(await queue.PoliciesAsync());
    }

    [Theory]
    [MemberData(nameof(Limits))]
    public async Task Forty_forced_backups_in_a_row_save_every_message_at_the_limit_and_say_how(string generation, string source, int limit, bool counts)
    {
        await using LimitedQueue queue = await LimitedQueue.CreateAsync(generation, source, limit);
        long inForce = limit;
        int count = 0;
        // In CI each limit is reached, and raised twice where it is low.
        int runs = LongRun.Count(limit == 20 && counts ? 22 : 12, Runs);
        for (int run = 0; run < runs; run++)
        {
            QueueEntry entry = await queue.BackupAsync(force: true);
            Assert.Equal((QueueOutcome.Captured, Count), (entry.Outcome, (int)entry.Messages));
            Assert.Empty(entry.Gaps);
            bool atLimit = counts && limit > 0 && count == inForce;
            string told = $"run {run}, expected {count} of {inForce}, saw {entry.HighestDeliveryCount}: {string.Join(' ', entry.Notes)}";
            Assert.True(entry.Notes.Count == (!atLimit ? 0 : source == "argument" ? Count : 1), told);
            if (atLimit && source == "argument")
            {
                Assert.All(entry.Notes, (note, index) => Assert.StartsWith($"Message '{index}' (10 bytes, given back {limit} times) had reached the delivery limit", note, StringComparison.Ordinal));
                Assert.All(entry.Notes, note => Assert.Contains("published again, so it is at the end of the queue now", note, StringComparison.Ordinal));
                count = 0;
                continue;
            }

            if (atLimit)
            {
                inForce = Math.Max(10, 2 * inForce);
                Assert.Contains($"{Count} message(s) had reached its delivery limit", entry.Notes[0], StringComparison.Ordinal);
                Assert.Contains($"'{BackupPolicy.Prefix}{Queue}' now sets the limit to {inForce}", entry.Notes[0], StringComparison.Ordinal);
            }

            Assert.Equal(count, entry.HighestDeliveryCount ?? 0);
            count += counts ? 1 : 0;
        }

        Assert.Empty(queue.Harness.Failures);
        await queue.AssertUnharmedAsync();
        Assert.Equal(inForce == limit ? 0 : 1, (await queue.PoliciesAsync()).Count);
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    public async Task Our_policy_repeats_the_other_keys_of_the_one_in_force_and_goes_only_on_request(string generation)
    {
        await using LimitedQueue queue = await LimitedQueue.CreateAsync(generation, "policy", 3, """{"delivery-limit":3,"max-length":5000}""");
        for (int run = 0; run < 4; run++)
        {
            await queue.BackupAsync(force: true);
        }

        BackupPolicy policy = Assert.Single(await queue.PoliciesAsync());
        Assert.Equal((Queue, 10, 3, 8), (policy.Queue, policy.DeliveryLimit, policy.DeliveryLimitWithout, policy.Priority));
        using ManagementClient management = new(queue.Harness.Broker);
        PolicyRule rule = Assert.Single(await management.ListPoliciesAsync(queue.VirtualHost, Cancellation), BackupPolicy.IsOurs);
        Assert.Equal(5000L, rule.Definition["max-length"]);
        await queue.AwaitListedAsync();
        Assert.Contains($"Of the {Count} message(s)", Assert.Single(await queue.PoliciesAsync()).Consequence, StringComparison.Ordinal);

        Assert.True(await BackupPolicies.RemoveAsync(queue.Harness.Broker, policy, Cancellation));
        Assert.Empty(await queue.PoliciesAsync());
        Assert.Single(await management.ListPoliciesAsync(queue.VirtualHost, Cancellation));
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    public async Task Where_an_operator_policy_keeps_the_limit_low_messages_are_published_again_and_our_policy_does_not_stay(string generation)
    {
        await using LimitedQueue queue = await LimitedQueue.CreateAsync(generation, "operator", 1);
        await queue.BackupAsync(force: true);
        QueueEntry entry = await queue.BackupAsync(force: true);

        Assert.Equal((QueueOutcome.Captured, Count), (entry.Outcome, entry.Notes.Count));
        Assert.All(entry.Notes, note => Assert.Contains("another policy keeps the limit", note, StringComparison.Ordinal));
        Assert.Empty(await queue.PoliciesAsync());
        await queue.AssertUnharmedAsync();
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    public async Task A_user_who_may_not_set_policies_has_the_messages_published_again(string generation)
    {
        await using LimitedQueue queue = await LimitedQueue.CreateAsync(generation, "policy", 1);
        BrokerOptions user = await queue.AddUserAsync("monitoring");
        await queue.BackupAsync(force: true);
        QueueEntry entry = Assert.Single((await queue.Harness.BackupAsync(options => options with { Broker = user, Force = true, Selection = options.Selection with { Names = [Queue] } })).Queues);

        Assert.Equal((QueueOutcome.Captured, Count), (entry.Outcome, entry.Notes.Count));
        Assert.All(entry.Notes, note => Assert.Contains("may not use", note, StringComparison.Ordinal));
        await queue.AssertUnharmedAsync();
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    public async Task A_message_that_the_application_gave_back_often_stops_the_read_before_anything_else_is_touched(string generation)
    {
        await using LimitedQueue queue = await LimitedQueue.CreateAsync(generation, "policy", 20);
        await queue.RejectFirstAsync(times: 16);

        QueueEntry entry = await queue.BackupAsync();

        Assert.Equal((QueueOutcome.Incomplete, nameof(ErrorCode.QueueAtRisk), 1), (entry.Outcome, entry.ErrorCode, (int)entry.Messages));
        GapEntry gap = Assert.Single(entry.Gaps);
        Assert.Equal((Count - 1, "DeliveryLimit"), (gap.Messages, gap.Code));
        Assert.Contains("given back 16 times: at 16 reading stops", gap.Reason, StringComparison.Ordinal);
        Assert.Equal(16, entry.HighestDeliveryCount);
        // It was the only one that had been given back, so the order is as it was; whoever has seen no other message can't know.
        Assert.Contains("that was not looked at", Assert.Single(entry.Notes), StringComparison.Ordinal);
        await queue.AssertOrderAsync();
        Assert.Equal(QueueOutcome.Captured, (await queue.BackupAsync(reserve: 0)).Outcome);
        await queue.AssertUnharmedAsync();
    }

    [Fact]
    public async Task On_4_3_a_message_at_the_limit_stops_the_read_since_a_crash_of_the_reader_would_drop_it()
    {
        await using LimitedQueue queue = await LimitedQueue.CreateAsync("4.3", "argument", 3);
        await queue.RejectFirstAsync(times: 3);

        QueueEntry entry = await queue.BackupAsync();

        Assert.Equal((QueueOutcome.Incomplete, nameof(ErrorCode.QueueAtRisk), 1), (entry.Outcome, entry.ErrorCode, (int)entry.Messages));
        Assert.Contains("would be lost if the backup died", Assert.Single(entry.Gaps).Reason, StringComparison.Ordinal);
        Assert.Contains("that was not looked at", Assert.Single(entry.Notes), StringComparison.Ordinal);
        Assert.Equal(QueueOutcome.Captured, (await queue.BackupAsync(force: true)).Outcome);
        await queue.AssertUnharmedAsync();
    }

    /// <summary>A quorum queue with a limit and a dead-letter queue, which must stay empty.</summary>
    private sealed class LimitedQueue : IAsyncDisposable
    {
        private const string DeadLetters = "dead";

        private readonly TestVirtualHost _host;
        private readonly IndependentClient _client;
        private readonly List<string> _users = [];

        private LimitedQueue(TestVirtualHost host, IndependentClient client) => (_host, _client, Harness) = (host, client, EngineHarness.For(host));

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
}
