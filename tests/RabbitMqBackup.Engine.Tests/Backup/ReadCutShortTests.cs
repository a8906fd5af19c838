using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>Reads that do not get all that was there: the time is over, another backup reads, the queue is purged or deleted. docs/SAFETY.md names these tests.</summary>
public sealed class ReadCutShortTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Situation.GenerationsAndTypes), MemberType = typeof(Situation))]
    public async Task When_the_hold_time_is_over_everything_goes_back_in_order_and_the_rest_is_a_gap(string generation, string type)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Situation.Queue, type);
        await at.FillAsync(3000);
        bool seen = true;
        foreach (int run in (int[])[1, 2])
        {
            QueueEntry entry = await at.BackupAsync(perSecond: 100, hold: TimeSpan.FromSeconds(3));
            Assert.Equal((QueueOutcome.Incomplete, nameof(ErrorCode.OperationTimedOut)), (entry.Outcome, entry.ErrorCode));
            GapEntry gap = Assert.Single(entry.Gaps);
            Assert.Equal(("HoldTime", 3000), (gap.Code, entry.Messages + gap.Messages));
            Assert.InRange(entry.Messages, 1, 2999);
            // On a machine so busy that the next message is not seen in the time that is left, the report says so.
            Assert.All(entry.Notes, note => Assert.Contains("what follows them was not seen", note, StringComparison.Ordinal));
            seen &= entry.Notes.Count == 0;
            Assert.Equal(run, at.Harness.Failures.Count);
        }

        await at.UntilCountAsync(Situation.Queue, 3000);
        List<string> ids = await at.Client.TakeIdsAsync(Situation.Queue);
        Situation.AssertNumbers(3000, ids, inOrder: seen);
    }

    [Theory]
    [InlineData("4.3", "classic")]
    [InlineData("4.0", "quorum")]
    public async Task Of_two_backups_at_once_none_is_complete_with_a_part_of_the_queue(string generation, string type)
    {
        const int Count = 8000;
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Situation.Queue, type);
        await at.FillAsync(Count);
        using EngineHarness other = EngineHarness.For(at.Host);
        BackupManifest[] manifests = await Task.WhenAll(Task.Run(() => at.Harness.BackupAsync()), Task.Run(() => other.BackupAsync()));

        Assert.Contains(manifests, manifest => manifest.Status == BackupStatus.Complete);
        Assert.All(manifests, manifest =>
        {
            QueueEntry entry = Assert.Single(manifest.Queues);
            Assert.True(
                manifest.Status == BackupStatus.Complete ? (entry.Messages, entry.Gaps.Count) == (Count, 0) : entry.ErrorCode == nameof(ErrorCode.QueueInUse),
                $"{manifest.Status}: {entry.Outcome} {entry.Messages} of {entry.DepthAtStart}, {entry.ErrorCode} {entry.Reason}");
        });
        // Where both took their first message in the same milliseconds, before 4.3 that of the second one lies elsewhere now.
        await at.UntilCountAsync(Situation.Queue, Count);
        List<string> ids = await at.Client.TakeIdsAsync(Situation.Queue);
        Situation.AssertNumbers(Count, ids, inOrder: type == "classic");
    }

    [Theory]
    [MemberData(nameof(Situation.GenerationsAndTypes), MemberType = typeof(Situation))]
    public async Task A_queue_deleted_while_it_is_read_is_told_and_the_others_are_captured(string generation, string type)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Situation.Queue, type);
        await at.Client.DeclareAsync("other", type);
        await at.FillAsync(400, bytes: 2000);
        await at.FillAsync(10, "other");
        using ManualResetEventSlim go = at.HoldUp(after: 11);
        Task<BackupManifest> backup = Task.Run(() => at.Harness.BackupAsync(options => options with { MaxMessagesPerSecond = 100 }));
        await at.UntilHeldAsync(Situation.Queue);
        await at.Client.DeleteAsync(Situation.Queue);
        go.Set();
        BackupManifest manifest = await backup;

        QueueEntry gone = Assert.Single(manifest.Queues, queue => queue.Name == Situation.Queue);
        Assert.Equal(QueueOutcome.Captured, Assert.Single(manifest.Queues, queue => queue.Name == "other").Outcome);
        Assert.True(gone.Outcome is QueueOutcome.Incomplete or QueueOutcome.Failed, gone.Outcome.ToString());
        Assert.Equal(nameof(ErrorCode.QueueNotFound), gone.ErrorCode);
        Assert.Equal((400, 400), (gone.DepthAtStart, gone.Messages + gone.Gaps.Sum(gap => gap.Messages)));
        Assert.Contains("Get-RabbitQueue", Assert.Single(at.Harness.Failures).Hint, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("classic")]
    [InlineData("quorum")]
    public async Task A_purge_in_the_middle_of_a_read_is_not_taken_for_consumers(string type)
    {
        await using Situation at = await Situation.CreateAsync("4.3");
        await at.Client.DeclareAsync(Situation.Queue, type);
        await at.FillAsync(1000);
        Task<QueueEntry> backup = at.BackupAsync(perSecond: 50);
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); await at.Client.CountAsync(Situation.Queue) is 1000 or 0; await Task.Delay(20, Cancellation))
        {
            Assert.True(DateTime.UtcNow < deadline && !backup.IsCompleted, "The backup does not read.");
        }

        uint purged = await at.Client.PurgeAsync(Situation.Queue);
        QueueEntry entry = await backup;

        GapEntry gap = Assert.Single(entry.Gaps);
        Assert.Equal(("LeftTheQueue", (long)purged, 1000), (gap.Code, gap.Messages, entry.Messages + gap.Messages));
        Assert.Contains("purged", gap.Reason, StringComparison.Ordinal);
        await at.AssertIdsAsync((int)entry.Messages);
    }

    [Fact]
    public async Task A_rate_of_bytes_is_kept_over_all_queues()
    {
        await using Situation at = await Situation.CreateAsync("4.3");
        foreach (string name in (string[])["a", "b"])
        {
            await at.Client.DeclareAsync(name, "classic");
            await at.Client.PublishAsync(name, Enumerable.Range(0, 100).Select(number => (new BasicProperties { MessageId = $"{number}" }, new byte[1000])));
        }

        long start = TimeProvider.System.GetTimestamp();
        BackupManifest manifest = await at.Harness.BackupAsync(options => options with { MaxBytesPerSecond = 100_000 });
        TimeSpan took = TimeProvider.System.GetElapsedTime(start);

        Assert.Equal((BackupStatus.Complete, 200), (manifest.Status, (int)manifest.TotalMessages));
        Assert.True(took > TimeSpan.FromSeconds(1.5), $"200 kB at 100 kB/s took {took.TotalSeconds:0.0} s.");
    }
}
