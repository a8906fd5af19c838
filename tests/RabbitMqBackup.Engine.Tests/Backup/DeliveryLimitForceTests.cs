using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.Faults;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>Many forced backups in a row: at the limit every message is saved, and how is told.</summary>
public sealed class DeliveryLimitForceTests
{
    private const int Runs = 40;

    [Theory]
    [MemberData(nameof(LimitedQueue.Limits), MemberType = typeof(LimitedQueue))]
    public async Task Forced_backups_in_a_row_save_every_message_at_the_limit_and_say_how(string generation, string source, int limit, bool counts)
    {
        await using LimitedQueue queue = await LimitedQueue.CreateAsync(generation, source, limit);
        long inForce = limit;
        int count = 0;
        // In CI each limit is reached, and raised twice where it is low.
        int runs = LongRun.Count(limit == 20 && counts ? 22 : 12, Runs);
        for (int run = 0; run < runs; run++)
        {
            QueueEntry entry = await queue.BackupAsync(force: true);
            Assert.True((entry.Outcome, entry.Messages, entry.Gaps.Count) == (QueueOutcome.Captured, LimitedQueue.Count, 0), $"run {run}: {entry.Outcome}, {entry.Messages} message(s). {entry.Reason} {string.Join(' ', entry.Gaps)} {string.Join(' ', entry.Notes)}");
            bool atLimit = counts && limit > 0 && count == inForce;
            string told = $"run {run}, expected {count} of {inForce}, saw {entry.HighestDeliveryCount}: {string.Join(' ', entry.Notes)}";
            Assert.True(entry.Notes.Count == (!atLimit ? 0 : source == "argument" ? LimitedQueue.Count : 1), told);
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
                Assert.Contains($"{LimitedQueue.Count} message(s) had reached its delivery limit", entry.Notes[0], StringComparison.Ordinal);
                Assert.Contains($"'{BackupPolicy.Prefix}{LimitedQueue.Queue}' now sets the limit to {inForce}", entry.Notes[0], StringComparison.Ordinal);
            }

            Assert.Equal(count, entry.HighestDeliveryCount ?? 0);
            count += counts ? 1 : 0;
        }

        Assert.Empty(queue.Harness.Failures);
        await queue.AssertUnharmedAsync();
        Assert.Equal(inForce == limit ? 0 : 1, (await queue.PoliciesAsync()).Count);
    }
}
