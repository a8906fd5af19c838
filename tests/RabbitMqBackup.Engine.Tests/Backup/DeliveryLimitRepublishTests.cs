using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>Messages at a limit that no policy of ours can raise: they are published again.</summary>
public sealed class DeliveryLimitRepublishTests
{
    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    public async Task Where_an_operator_policy_keeps_the_limit_low_messages_are_published_again_and_our_policy_does_not_stay(string generation)
    {
        await using LimitedQueue queue = await LimitedQueue.CreateAsync(generation, "operator", 1);
        await queue.BackupAsync(force: true);
        QueueEntry entry = await queue.BackupAsync(force: true);

        Assert.Equal((QueueOutcome.Captured, LimitedQueue.Count), (entry.Outcome, entry.Notes.Count));
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
        QueueEntry entry = Assert.Single((await queue.Harness.BackupAsync(options => options with { Broker = user, Force = true, Selection = options.Selection with { Names = [LimitedQueue.Queue] } })).Queues);

        Assert.Equal((QueueOutcome.Captured, LimitedQueue.Count), (entry.Outcome, entry.Notes.Count));
        Assert.All(entry.Notes, note => Assert.Contains("may not use", note, StringComparison.Ordinal));
        await queue.AssertUnharmedAsync();
    }
}
