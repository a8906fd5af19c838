using System.Net.Http.Json;
using System.Text.Json;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Backup;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>Queues and policies that change between the plan and the read, or while messages are held. docs/SAFETY.md names these tests.</summary>
public sealed class ChangedMeanwhileTests
{
    private const string Queue = Situation.Queue;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Situation.Generations), MemberType = typeof(Situation))]
    public async Task A_queue_made_anew_after_the_plan_is_read_as_what_it_is(string generation)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Queue, "quorum");
        BackupPlan plan = await PlanAsync(at);
        await at.Client.DeleteAsync(Queue);
        await at.Client.DeclareAsync(Queue, "classic", autoDelete: true);
        await at.FillAsync(50);

        QueueEntry entry = Assert.Single((await new BackupEngine().ExecuteAsync(plan, at.Harness, Cancellation)).Queues);

        Assert.Equal((QueueOutcome.Captured, "classic", "get", 50), (entry.Outcome, entry.Type, entry.ReadBy, (int)entry.Messages));
        await at.AssertIdsAsync(50);
    }

    [Fact]
    public async Task A_delayed_retry_that_was_just_set_is_seen()
    {
        await using Situation at = await Situation.CreateAsync("4.3");
        await at.Client.DeclareAsync(Queue, "quorum");
        await at.FillAsync(50);
        await at.UntilListedAsync(queue => queue.Messages == 50);
        await at.PutPolicyAsync("""{"delayed-retry-type":"all","delayed-retry-min":600000,"delayed-retry-max":600000}""");

        QueueEntry entry = await at.BackupAsync();

        Assert.Equal((QueueOutcome.Skipped, nameof(ErrorCode.QueueAtRisk)), (entry.Outcome, entry.ErrorCode));
        await at.AssertIdsAsync(50);
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    public async Task A_limit_that_is_lowered_while_messages_are_held_is_raised_before_they_go_back(string generation)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync("dead", "classic");
        await at.Client.DeclareAsync(Queue, "quorum", new() { ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = "dead" });
        await at.FillAsync(100, bytes: 2000);
        await at.BackupAsync();
        await at.BackupAsync();
        using ManualResetEventSlim go = at.HoldUp(after: 201);
        Task<QueueEntry> backup = Task.Run(() => at.BackupAsync(perSecond: 100));
        await at.UntilHeldAsync(Queue);
        await at.PutPolicyAsync("""{"delivery-limit":1}""");
        go.Set();
        QueueEntry entry = await backup;

        Assert.Equal((QueueOutcome.Captured, 100), (entry.Outcome, (int)entry.Messages));
        Assert.Contains("was lowered to 1 while messages were held", Assert.Single(entry.Notes), StringComparison.Ordinal);
        await at.AssertIdsAsync(100);
        Assert.Equal(0u, await at.Client.CountAsync("dead"));
    }

    /// <summary>A consumer is told when its queue is deleted; who fetches message by message is not.</summary>
    [Theory]
    [MemberData(nameof(Situation.Generations), MemberType = typeof(Situation))]
    public async Task A_queue_deleted_and_made_anew_while_it_is_fetched_is_read_as_the_new_one(string generation)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Queue, "classic", autoDelete: true);
        await at.Client.PublishEachAsync(Queue, Enumerable.Range(0, 300).Select(number => $"old{number}"), Cancellation, bytes: 2000);
        using ManualResetEventSlim go = at.HoldUp();
        Task<BackupManifest> backup = Task.Run(() => at.Harness.BackupAsync(options => options with { MaxMessagesPerSecond = 400 }));
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); await at.Client.CountAsync(Queue) == 300; await Task.Delay(20, Cancellation))
        {
            Assert.True(DateTime.UtcNow < deadline && !backup.IsCompleted, "The backup does not read.");
        }

        await at.Client.DeleteAsync(Queue);
        await at.Client.DeclareAsync(Queue, "classic", autoDelete: true);
        await at.FillAsync(400);
        go.Set();
        BackupManifest manifest = await backup;

        QueueEntry entry = Assert.Single(manifest.Queues);
        Assert.Equal((QueueOutcome.Captured, "get", 400), (entry.Outcome, entry.ReadBy, (int)entry.Messages));
        List<string?> ids = [];
        foreach (BackupSegment segment in BackupContents.GetSegments(manifest))
        {
            await foreach (BackupMessage message in BackupContents.ReadMessagesAsync(segment, Cancellation))
            {
                ids.Add(message.Properties.MessageId);
            }
        }

        Assert.Equal(Enumerable.Range(0, 400).Select(number => $"{number}"), ids);
        await at.AssertIdsAsync(400);
    }

    /// <summary>As without the backup the policy would have worked at once, it does when the messages go back. The read waits 10 s for what a delayed retry hides.</summary>
    [Theory]
    [InlineData("4.0", """{"max-length":40}""", 60)]
    [InlineData("4.3", """{"delayed-retry-type":"all","delayed-retry-min":14000,"delayed-retry-max":14000}""", 0)]
    public async Task A_policy_that_is_set_while_messages_are_held_works_at_their_return_and_the_entry_says_so(string generation, string policy, int first)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Queue, "quorum");
        await at.FillAsync(100, bytes: 2000);
        using ManualResetEventSlim go = at.HoldUp();
        Task<QueueEntry> backup = Task.Run(() => at.BackupAsync(perSecond: 100));
        await at.UntilHeldAsync(Queue);
        await at.PutPolicyAsync(policy);
        // What a policy asks for is in the queue within 1.5 s (measured).
        await Task.Delay(TimeSpan.FromSeconds(3), Cancellation);
        go.Set();
        QueueEntry entry = await backup;

        Assert.Equal((QueueOutcome.Captured, 100), (entry.Outcome, (int)entry.Messages));
        Assert.Contains("are ready after the read: fewer than were held", Assert.Single(entry.Notes), StringComparison.Ordinal);
        await at.UntilCountAsync(Queue, (uint)(100 - first));
        Assert.Equal(Enumerable.Range(first, 100 - first).Select(number => $"{number}"), await at.Client.TakeIdsAsync(Queue));
    }

    [Theory]
    [InlineData("4.0", "quorum")]
    [InlineData("4.3", "classic")]
    public async Task A_user_that_is_deleted_while_messages_are_held_costs_the_queue_nothing_and_is_an_error(string generation, string type)
    {
        await using LimitedUser user = await LimitedUser.CreateAsync(generation, type);
        using ManualResetEventSlim go = user.At.HoldUp();
        Task<BackupManifest> backup = Task.Run(() => user.At.Harness.BackupAsync(options => options with { Broker = user.Options, MaxMessagesPerSecond = 200 }));
        await user.At.UntilHeldAsync(Queue);
        await user.DeleteAsync();
        go.Set();
        QueueEntry entry = Assert.Single((await backup).Queues);

        Assert.Equal((QueueOutcome.Incomplete, true), (entry.Outcome, entry.ErrorCode is not null));
        Assert.Equal(entry.DepthAtStart, entry.Messages + entry.Gaps.Sum(gap => gap.Messages));
        await user.At.AssertIdsAsync(LimitedUser.Count);
    }

    [Fact]
    public async Task A_policy_that_the_broker_does_not_apply_is_not_repeated_in_ours()
    {
        await using LimitedQueue queue = await LimitedQueue.CreateAsync("4.0", "policy", 1);
        using ManagementClient management = new(queue.Harness.Broker);
        // Erlang reads the possessive quantifier, and does not match; .NET can't read it.
        Dictionary<string, object?> cut = new() { ["max-length"] = 1L };
        await management.PutPolicyAsync(new() { VirtualHost = queue.VirtualHost, Name = "cut", Pattern = "^nothing++$", ApplyTo = "queues", Priority = 100, Definition = cut }, Cancellation);
        await queue.AwaitListedAsync();

        await queue.BackupAsync(force: true);
        QueueEntry entry = await queue.BackupAsync(force: true);

        Assert.Contains("now sets the limit to 10", Assert.Single(entry.Notes), StringComparison.Ordinal);
        PolicyRule ours = Assert.Single(await management.ListPoliciesAsync(queue.VirtualHost, Cancellation), BackupPolicy.IsOurs);
        Assert.Equal(["delivery-limit"], ours.Definition.Keys);
        await queue.AssertUnharmedAsync();
    }

    [Fact]
    public async Task On_4_3_a_read_that_breaks_off_again_and_again_leaves_the_application_its_retries()
    {
        await using Situation at = await Situation.CreateAsync("4.3");
        await at.Client.DeclareAsync("dead", "classic");
        await at.Client.DeclareAsync(Queue, "quorum", new() { ["x-delivery-limit"] = 2, ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = "dead" });
        await at.FillAsync(300, bytes: 2000);
        string reader = OtherRuns.ReaderOf(new(at.Host.Name, Queue));
        HttpClient management = at.Host.Broker.Management;
        // The first try waits until it is closed; those that follow, if any, have some seconds each.
        using ManualResetEventSlim go = at.HoldUp(after: 0);
        Task<QueueEntry> backup = Task.Run(() => at.BackupAsync(perSecond: 50));
        int closed = 0;
        while (!backup.IsCompleted)
        {
            JsonElement connections = await management.GetFromJsonAsync<JsonElement>($"vhosts/{Uri.EscapeDataString(at.Host.Name)}/connections", Cancellation);
            foreach (JsonElement connection in connections.EnumerateArray().Where(connection => connection.ToString().Contains(reader, StringComparison.Ordinal)))
            {
                using HttpResponseMessage answer = await management.DeleteAsync($"connections/{Uri.EscapeDataString(connection.GetProperty("name").GetString()!)}", Cancellation);
                closed += answer.IsSuccessStatusCode ? 1 : 0;
                go.Set();
            }

            await Task.Delay(200, Cancellation);
        }

        QueueEntry entry = await backup;
        Assert.True(closed > 0 && entry.Outcome != QueueOutcome.Captured, $"{closed} closed, {entry.Outcome}");
        await at.UntilCountAsync(Queue, 300);
        // The second return would have been its last. The first one lies elsewhere where others had come back with it; the entry says so.
        BasicGetResult? first = await at.Client.TakeAsync(Queue);
        Assert.Equal(1L, first?.BasicProperties.Headers?["x-delivery-count"]);
        Situation.AssertNumbers(300, [first!.BasicProperties.MessageId!, .. await at.Client.TakeIdsAsync(Queue)], inOrder: false);
        Assert.Equal(0u, await at.Client.CountAsync("dead"));
    }

    [Theory]
    [InlineData("4.3", "classic")]
    [InlineData("4.0", "quorum")]
    [InlineData("4.3", "quorum")]
    public async Task What_was_ready_at_the_start_is_captured_though_others_of_a_higher_priority_come(string generation, string type)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Queue, type, type == "classic" ? new() { ["x-max-priority"] = 9 } : null);
        await at.FillAsync(600, bytes: 1000);
        Task<QueueEntry> backup = Task.Run(() => at.BackupAsync(perSecond: 100));
        await UntilReadAsync(at, 600, backup);
        await at.Client.PublishAsync(Queue, Enumerable.Range(0, 50).Select(number => (new BasicProperties { MessageId = $"high{number}", Priority = 9 }, new byte[10])));
        await AssertAllAsync(at, await backup, 0, 600);
    }

    [Theory]
    [InlineData("4.3", "classic")]
    [InlineData("4.0", "quorum")]
    public async Task What_was_ready_at_the_start_is_captured_though_consumers_give_others_back(string generation, string type)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Queue, type);
        await at.FillAsync(650, bytes: 1000);
        Task<QueueEntry> backup;
        await using (await at.Client.WorkAsync(Queue, acknowledge: false, prefetch: 50))
        {
            await at.UntilListedAsync(queue => queue is { Consumers: 1, Unacknowledged: 50 });
            backup = Task.Run(() => at.BackupAsync(perSecond: 100));
            await UntilReadAsync(at, 600, backup);
        }

        await AssertAllAsync(at, await backup, 50, 600);
    }

    /// <summary>Waits until the first part of a queue is held.</summary>
    private static async Task UntilReadAsync(Situation at, uint ready, Task backup)
    {
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); await at.Client.CountAsync(Queue) is var left && (left == ready || left == 0); await Task.Delay(20, Cancellation))
        {
            Assert.True(DateTime.UtcNow < deadline && !backup.IsCompleted, "The backup does not read.");
        }
    }

    private static async Task AssertAllAsync(Situation at, QueueEntry entry, int first, int count)
    {
        Assert.Equal((QueueOutcome.Captured, true), (entry.Outcome, entry.Messages >= count));
        HashSet<string?> captured = [];
        foreach (BackupSegment segment in at.Harness.Segments)
        {
            await foreach (BackupMessage message in BackupContents.ReadMessagesAsync(segment, Cancellation))
            {
                captured.Add(message.Properties.MessageId);
            }
        }

        Assert.Superset(Enumerable.Range(first, count).Select(number => (string?)$"{number}").ToHashSet(), captured);
    }

    private static Task<BackupPlan> PlanAsync(Situation at) => new BackupEngine().PlanAsync(
        new BackupOptions
        {
            Broker = at.Harness.Broker,
            Store = at.Harness.Store,
            Selection = new QueueSelection { VirtualHosts = [at.Host.Name] },
            SkipDefinitions = true,
            CheckpointPath = at.Harness.Folder,
        },
        Cancellation);
}
