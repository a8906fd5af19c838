using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>What a backup does to queues of kinds that only some versions have, or treat in a way of their own. docs/SAFETY.md names these tests.</summary>
public sealed class ReadByVersionTests
{
    [Fact]
    public async Task On_3_10_a_queue_declared_with_the_limit_minus_one_is_not_touched()
    {
        await using Situation at = await Situation.CreateAsync("3.10");
        await at.Client.DeclareAsync(Situation.Queue, "quorum", new() { ["x-delivery-limit"] = -1 });
        await at.FillAsync(10);
        QueueEntry entry = await at.BackupAsync(force: true);
        Assert.Equal((QueueOutcome.Skipped, nameof(ErrorCode.QueueAtRisk)), (entry.Outcome, entry.ErrorCode));
        await at.AssertIdsAsync(10);
    }

    [Fact]
    public async Task On_3_10_a_mirrored_classic_queue_is_read_like_any_other()
    {
        await using Situation at = await Situation.CreateAsync("3.10");
        await at.PutPolicyAsync("""{"ha-mode":"all","queue-mode":"lazy"}""");
        await at.Client.DeclareAsync(Situation.Queue, "classic");
        await at.FillAsync(500);
        QueueEntry entry = await at.BackupAsync();
        Assert.Equal((QueueOutcome.Captured, 500, "limit"), (entry.Outcome, (int)entry.Messages, entry.Policy));
        await at.AssertIdsAsync(500);
    }

    [Theory]
    [InlineData("all", "Unsafe")]
    [InlineData("returned", "Unsafe")]
    [InlineData("failed", "Caution")]
    public async Task On_4_3_a_delayed_retry_that_would_hide_what_is_given_back_is_skipped(string retry, string verdict)
    {
        await using Situation at = await Situation.CreateAsync("4.3");
        await at.Client.DeclareAsync(Situation.Queue, "quorum", new() { ["x-delayed-retry-type"] = retry, ["x-delayed-retry-min"] = 2000 });
        await at.FillAsync(50);
        QueueEntry entry = await at.BackupAsync();
        Assert.Equal(verdict, entry.Verdict);
        Assert.Equal(verdict == "Unsafe" ? QueueOutcome.Skipped : QueueOutcome.Captured, entry.Outcome);
        Assert.Equal(50u, await at.Client.CountAsync(Situation.Queue));

        // Forced: hidden for the delay, then all there.
        Assert.Equal(QueueOutcome.Captured, (await at.BackupAsync(force: true)).Outcome);
        await at.UntilCountAsync(Situation.Queue, 50);
        Assert.Equal(50, (await at.Client.TakeIdsAsync(Situation.Queue)).Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(Situation.Generations), MemberType = typeof(Situation))]
    public async Task Messages_that_wait_to_be_dead_lettered_are_told(string generation)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Situation.Queue, "quorum", new()
        {
            ["x-dead-letter-exchange"] = "",
            ["x-dead-letter-routing-key"] = "nobody",
            ["x-dead-letter-strategy"] = "at-least-once",
            ["x-overflow"] = "reject-publish",
        });
        await at.FillAsync(10);
        await at.Client.RejectAsync(Situation.Queue, 4);
        await at.UntilListedAsync(queue => queue is { DeadLettering: 4, Messages: 6 });

        QueueEntry entry = await at.BackupAsync();

        Assert.Equal((QueueOutcome.Captured, 6, 6), (entry.Outcome, (int)entry.Messages, (int)entry.DepthAtStart));
        Assert.Contains(entry.VerdictReasons, reason => reason.StartsWith("About 4 message(s) wait to be dead-lettered and will not be in the backup", StringComparison.Ordinal));
    }

    /// <summary>Before 4.3 a quorum queue without a limit publishes what is nacked to itself once more: behind what came meanwhile, and with the default priority (rabbit_fifo, <c>requeue</c>).</summary>
    [Theory]
    [InlineData("3.10", "none")]
    [InlineData("4.0", "argument")]
    [InlineData("4.3", "argument")]
    [InlineData("4.3", "policy")]
    public async Task Without_a_delivery_limit_what_is_held_keeps_its_place_before_what_is_published_meanwhile(string generation, string source)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        if (source == "policy")
        {
            await at.PutPolicyAsync("""{"delivery-limit":-1}""");
        }

        string[] queues = [Situation.Queue, "untouched"];
        foreach (string queue in queues)
        {
            await at.Client.DeclareAsync(queue, "quorum", source == "argument" ? new() { ["x-delivery-limit"] = -1 } : null);
            await at.FillAsync(200, queue, bytes: 10_000);
            await at.Client.PublishAsync(queue, [(new BasicProperties { MessageId = "urgent", Priority = 9 }, new byte[10])]);
        }

        for (int run = 0; run < 2; run++)
        {
            using ManualResetEventSlim go = at.HoldUp();
            Task<QueueEntry> backup = Task.Run(() => at.BackupAsync(perSecond: 100));
            await at.UntilHeldAsync(Situation.Queue);
            foreach (string queue in queues)
            {
                await at.Client.PublishAsync(queue, Enumerable.Range(0, 20).Select(number => (new BasicProperties { MessageId = $"later {run} {number}" }, new byte[10])));
            }

            go.Set();
            Assert.Equal(QueueOutcome.Captured, (await backup).Outcome);
        }

        Assert.Equal(await at.Client.TakeFingerprintsAsync("untouched"), await at.Client.TakeFingerprintsAsync(Situation.Queue));
    }

    [Theory]
    [MemberData(nameof(Situation.GenerationsAndTypes), MemberType = typeof(Situation))]
    public async Task Priorities_are_delivered_after_a_backup_as_before(string generation, string type)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Situation.Queue, type, type == "classic" ? new() { ["x-max-priority"] = 5 } : null);
        await at.Client.PublishAsync(Situation.Queue, Enumerable.Range(0, 300).Select(number => (new BasicProperties { MessageId = $"{number}", Priority = (byte)(number % 4) }, new byte[10])));
        List<string> before = await at.Client.FingerprintsAsync(Situation.Queue);
        await at.BackupAsync(force: true);
        Assert.Equal(before, await at.Client.FingerprintsAsync(Situation.Queue));
    }
}
