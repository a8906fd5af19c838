using RabbitMqBackup.Engine.Catalog;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>What a backup does to queues that are full. docs/SAFETY.md names these tests.</summary>
public sealed class ReadAtLengthLimitTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Situation.GenerationsAndTypes), MemberType = typeof(Situation))]
    public async Task A_full_queue_that_drops_its_head_ends_as_it_would_have_without_the_backup(string generation, string type)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Situation.Queue, type, new() { ["x-max-length"] = 200 });
        await at.FillAsync(200, bytes: 2000);
        using ManualResetEventSlim go = at.HoldUp();
        Task<QueueEntry> backup = Task.Run(() => at.BackupAsync(perSecond: 100));
        await at.UntilHeldAsync(Situation.Queue);
        await at.Client.PublishEachAsync(Situation.Queue, Enumerable.Range(200, 50).Select(number => $"{number}"), Cancellation);
        go.Set();
        QueueEntry entry = await backup;

        Assert.Equal((QueueOutcome.Captured, 200), (entry.Outcome, (int)entry.Messages));
        await at.UntilCountAsync(Situation.Queue, 200);
        Assert.Equal(Enumerable.Range(50, 200).Select(number => $"{number}"), await at.Client.TakeIdsAsync(Situation.Queue));
    }

    [Theory]
    [MemberData(nameof(Situation.GenerationsAndTypes), MemberType = typeof(Situation))]
    public async Task A_full_queue_that_refuses_takes_what_is_published_while_its_messages_are_held(string generation, string type)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Situation.Queue, type, new() { ["x-max-length"] = 200, ["x-overflow"] = "reject-publish" });
        await at.FillAsync(200, bytes: 2000);
        using ManualResetEventSlim go = at.HoldUp();
        Task<QueueEntry> backup = Task.Run(() => at.BackupAsync(perSecond: 100));
        await at.UntilHeldAsync(Situation.Queue);
        await at.Client.PublishEachAsync(Situation.Queue, Enumerable.Range(200, 50).Select(number => $"{number}"), Cancellation);
        go.Set();
        QueueEntry entry = await backup;

        Assert.Equal((QueueOutcome.Captured, "Caution"), (entry.Outcome, entry.Verdict));
        await at.UntilCountAsync(Situation.Queue, 250);
        Assert.Equal(Enumerable.Range(0, 250).Select(number => $"{number}"), await at.Client.TakeIdsAsync(Situation.Queue));
    }
}
