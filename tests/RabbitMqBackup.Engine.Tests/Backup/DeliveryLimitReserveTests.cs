using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.Faults;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>Many backups in a row that leave a reserve of deliveries: they stop before any message is in danger.</summary>
public sealed class DeliveryLimitReserveTests
{
    private const int Runs = 40;

    [Theory]
    [MemberData(nameof(LimitedQueue.Limits), MemberType = typeof(LimitedQueue))]
    public async Task Backups_in_a_row_stop_at_the_reserve_and_leave_every_message_in_its_place(string generation, string source, int limit, bool counts)
    {
        await using LimitedQueue queue = await LimitedQueue.CreateAsync(generation, source, limit);
        int reserve = Math.Max(1, limit / 5);
        int readable = limit == 0 || !counts ? Runs : limit - reserve;
        // In CI some runs beyond the stop, where nothing changes any more, and else some beyond the default limit.
        int runs = LongRun.Count(readable < Runs ? readable + 6 : Math.Max(22, 2 * limit), Runs);
        for (int run = 0; run < runs; run++)
        {
            if (run == readable)
            {
                // Else the pre-flight check could see an older depth and look again.
                await queue.AwaitListedAsync();
            }

            QueueEntry entry = await queue.BackupAsync();
            if (run < readable)
            {
                Assert.Equal((QueueOutcome.Captured, LimitedQueue.Count, counts && run > 0 ? run : 0), (entry.Outcome, (int)entry.Messages, (int)(entry.HighestDeliveryCount ?? 0)));
            }
            else
            {
                Assert.Equal((QueueOutcome.Skipped, nameof(ErrorCode.QueueAtRisk), 0), (entry.Outcome, entry.ErrorCode, (int)entry.Messages));
                Assert.Contains($"given back {readable - 1} times", entry.Reason, StringComparison.Ordinal);
            }

            Assert.Empty(entry.Notes);
            Assert.Equal(LimitedQueue.Count, entry.Messages + entry.Gaps.Sum(gap => gap.Messages));
        }

        Assert.Equal(Math.Max(0, runs - readable), queue.Harness.Failures.Count(failure => failure.Code == ErrorCode.QueueAtRisk));
        await queue.AssertUnharmedAsync();
        Assert.Empty(await queue.PoliciesAsync());
    }
}
