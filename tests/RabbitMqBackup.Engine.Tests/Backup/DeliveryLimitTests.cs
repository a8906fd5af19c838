using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.Faults;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>Backups of quorum queues whose messages pay for each read with a delivery: nothing may be lost or dead-lettered, and the reports say what is so.</summary>
public sealed class DeliveryLimitTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

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
        Assert.Equal((LimitedQueue.Queue, 10, 3, 8), (policy.Queue, policy.DeliveryLimit, policy.DeliveryLimitWithout, policy.Priority));
        using ManagementClient management = new(queue.Harness.Broker);
        PolicyRule rule = Assert.Single(await management.ListPoliciesAsync(queue.VirtualHost, Cancellation), BackupPolicy.IsOurs);
        Assert.Equal(5000L, rule.Definition["max-length"]);
        await queue.AwaitListedAsync();
        Assert.Contains($"Of the {LimitedQueue.Count} message(s)", Assert.Single(await queue.PoliciesAsync()).Consequence, StringComparison.Ordinal);

        Assert.True(await BackupPolicies.RemoveAsync(queue.Harness.Broker, policy, Cancellation));
        Assert.Empty(await queue.PoliciesAsync());
        Assert.Single(await management.ListPoliciesAsync(queue.VirtualHost, Cancellation));
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
        Assert.Equal((LimitedQueue.Count - 1, "DeliveryLimit"), (gap.Messages, gap.Code));
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

    [Theory]
    [InlineData("policy", 1)]
    [InlineData("policy", 2)]
    [InlineData("argument", 1)]
    [InlineData("argument", 2)]
    [InlineData("operator", 1)]
    [InlineData("operator", 2)]
    public async Task On_4_3_the_lowest_limits_cost_no_message_a_delivery(string source, int limit)
    {
        await using LimitedQueue queue = await LimitedQueue.CreateAsync("4.3", source, limit);
        int runs = LongRun.Count(2, 40);
        for (int run = 0; run < runs; run++)
        {
            QueueEntry entry = await queue.BackupAsync(force: run % 2 == 1);
            Assert.Equal((QueueOutcome.Captured, LimitedQueue.Count), (entry.Outcome, (int)entry.Messages));
            Assert.Equal((0, 0, 0), (entry.Gaps.Count, entry.Notes.Count, (int)(entry.HighestDeliveryCount ?? 0)));
        }

        await queue.AssertUnharmedAsync();
        Assert.Empty(await queue.PoliciesAsync());
    }
}
