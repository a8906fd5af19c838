using RabbitMQ.Client.Exceptions;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>What a backup does to queues that others read, publish to, or have for themselves. docs/SAFETY.md names these tests.</summary>
public sealed class ReadBesideConsumersTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Situation.Generations), MemberType = typeof(Situation))]
    public async Task An_auto_delete_queue_outlives_the_backup_with_all_its_messages(string generation)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Situation.Queue, "classic", autoDelete: true);
        await at.FillAsync(300);
        for (int run = 0; run < 2; run++)
        {
            QueueEntry entry = await at.BackupAsync();
            Assert.Equal((QueueOutcome.Captured, "get", "channel-close", 300), (entry.Outcome, entry.ReadBy, entry.ReleasedBy, (int)entry.Messages));
        }

        await at.AssertIdsAsync(300);
    }

    [Theory]
    [MemberData(nameof(Situation.Generations), MemberType = typeof(Situation))]
    public async Task Past_an_exclusive_consumer_a_classic_queue_is_read_with_get(string generation)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Situation.Queue, "classic");
        await at.FillAsync(300);
        await using (await at.Client.WorkAsync(Situation.Queue, acknowledge: false, prefetch: 20, exclusive: true))
        {
            await at.UntilListedAsync(queue => queue.HasExclusiveConsumer && queue.Unacknowledged == 20);
            QueueEntry entry = await at.BackupAsync();
            Assert.Equal((QueueOutcome.Captured, "get", 280, 20), (entry.Outcome, entry.ReadBy, (int)entry.Messages, (int)entry.UnacknowledgedAtStart));
        }

        await at.AssertIdsAsync(300);
    }

    [Theory]
    [MemberData(nameof(Situation.Generations), MemberType = typeof(Situation))]
    public async Task Beside_a_single_active_consumer_a_classic_queue_is_read_with_get_and_a_quorum_queue_is_skipped(string generation)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        Dictionary<string, object?> single = new() { ["x-single-active-consumer"] = true };
        foreach (string type in (string[])["classic", "quorum"])
        {
            await at.Client.DeclareAsync(type, type, single);
            await at.FillAsync(300, type);
        }

        await using (await at.Client.WorkAsync("classic", acknowledge: false))
        await using (await at.Client.WorkAsync("quorum", acknowledge: false))
        {
            await at.UntilListedAsync(queue => queue.Consumers == 1 && queue.Unacknowledged == 20, "quorum");
            await at.UntilListedAsync(queue => queue.Consumers == 1 && queue.Unacknowledged == 20, "classic");
            QueueEntry classic = await at.BackupAsync("classic");
            Assert.Equal((QueueOutcome.Captured, "get", 280), (classic.Outcome, classic.ReadBy, (int)classic.Messages));
            QueueEntry quorum = await at.BackupAsync("quorum", force: true);
            Assert.Equal((QueueOutcome.Skipped, nameof(ErrorCode.QueueInUse), 280), (quorum.Outcome, quorum.ErrorCode, (int)Assert.Single(quorum.Gaps).Messages!));
        }

        await at.AssertIdsAsync(300, "classic");
        await at.AssertIdsAsync(300, "quorum");
    }

    [Theory]
    [MemberData(nameof(Situation.Generations), MemberType = typeof(Situation))]
    public async Task A_single_active_consumer_queue_without_a_consumer_is_read_by_one(string generation)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Situation.Queue, "quorum", new() { ["x-single-active-consumer"] = true });
        await at.FillAsync(300);
        // The second time the management API still knows the first reader as the active consumer.
        for (int run = 0; run < 2; run++)
        {
            QueueEntry entry = await at.BackupAsync();
            Assert.Equal((QueueOutcome.Captured, "consume", 300), (entry.Outcome, entry.ReadBy, (int)entry.Messages));
        }

        await at.AssertIdsAsync(300);
    }

    [Theory]
    [MemberData(nameof(Situation.Generations), MemberType = typeof(Situation))]
    public async Task A_single_active_consumer_queue_without_a_consumer_is_read_beside_publishers(string generation)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Situation.Queue, "quorum", new() { ["x-single-active-consumer"] = true, ["x-delivery-limit"] = 10 });
        await at.FillAsync(300);
        using CancellationTokenSource enough = new();
        Task[] publishing = [.. Enumerable.Range(0, 4).Select(_ => at.Client.PublishEachAsync(Situation.Queue, Enumerable.Repeat("new", 100_000), enough.Token))];
        QueueEntry entry = await at.BackupAsync();
        await enough.CancelAsync();
        await Task.WhenAny(Task.WhenAll(publishing));

        Assert.Equal((QueueOutcome.Captured, 0, entry.DepthAtStart), (entry.Outcome, entry.Gaps.Count, entry.Messages));
        Assert.InRange(entry.Messages, 300, 30_000);
    }

    [Theory]
    [MemberData(nameof(Situation.Generations), MemberType = typeof(Situation))]
    public async Task A_single_active_consumer_that_comes_while_a_quorum_queue_is_read_gets_every_message_once_and_the_entry_tells_of_the_order(string generation)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Situation.Queue, "quorum", new() { ["x-single-active-consumer"] = true });
        await at.FillAsync(100, bytes: 2000);
        using ManualResetEventSlim go = at.HoldUp();
        Task<QueueEntry> backup = Task.Run(() => at.BackupAsync(perSecond: 100));
        await at.UntilHeldAsync(Situation.Queue);
        await using IndependentClient application = await IndependentClient.ConnectAsync(at.Host.Broker, at.Host.Name);
        await using ApplicationConsumer consumer = await application.WorkAsync(Situation.Queue, prefetch: 1);
        await application.PublishEachAsync(Situation.Queue, Enumerable.Range(100, 50).Select(number => $"{number}"), Cancellation);
        go.Set();
        QueueEntry entry = await backup;

        for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); consumer.Received.Count < 150; await Task.Delay(50, Cancellation))
        {
            Assert.True(DateTime.UtcNow < deadline, $"The application got {consumer.Received.Count} of 150.");
        }

        Situation.AssertNumbers(150, consumer.Received, inOrder: false);
        Assert.Equal((QueueOutcome.Captured, 100), (entry.Outcome, (int)entry.Messages));
        Assert.Contains(entry.Notes, note => note.Contains("became the single active one", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Situation.Generations), MemberType = typeof(Situation))]
    public async Task A_consumer_that_wants_a_queue_for_itself_is_refused_while_the_queue_is_read_and_not_afterwards(string generation)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Situation.Queue, "classic");
        await at.FillAsync(100, bytes: 2000);
        using ManualResetEventSlim go = at.HoldUp();
        Task<QueueEntry> backup = Task.Run(() => at.BackupAsync(perSecond: 100));
        await at.UntilHeldAsync(Situation.Queue);
        await Assert.ThrowsAsync<OperationInterruptedException>(() => at.Client.WorkAsync(Situation.Queue, exclusive: true));
        go.Set();
        Assert.Equal(QueueOutcome.Captured, (await backup).Outcome);
        await (await at.Client.WorkAsync(Situation.Queue, acknowledge: false, exclusive: true)).DisposeAsync();
        await at.AssertIdsAsync(100);
    }

    [Theory]
    [MemberData(nameof(Situation.Generations), MemberType = typeof(Situation))]
    public async Task An_exclusive_queue_of_another_connection_is_skipped_also_when_forced(string generation)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareExclusiveAsync(Situation.Queue);
        await at.FillAsync(10);
        QueueEntry entry = await at.BackupAsync(force: true);
        Assert.Equal((QueueOutcome.Skipped, nameof(ErrorCode.QueueInUse)), (entry.Outcome, entry.ErrorCode));
        await at.AssertIdsAsync(10);
    }

    [Theory]
    [InlineData("3.10", "classic")]
    [InlineData("4.0", "quorum")]
    [InlineData("4.3", "quorum")]
    public async Task A_consumer_that_works_off_what_was_given_back_keeps_no_backup_waiting(string generation, string type)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Situation.Queue, type);
        await at.FillAsync(2000);
        await using (ApplicationConsumer consumer = await at.Client.WorkAsync(Situation.Queue, prefetch: 1, work: TimeSpan.FromMilliseconds(50)))
        {
            await at.UntilListedAsync(queue => queue.Consumers == 1);
            QueueEntry entry = await at.BackupAsync();

            Assert.Equal(QueueOutcome.Captured, entry.Outcome);
            Assert.Equal(entry.DepthAtStart, entry.Messages + entry.Gaps.Sum(gap => gap.Messages));
            Assert.InRange(consumer.Received.Count, 1, 1500);
        }
    }

    [Theory]
    [MemberData(nameof(Situation.GenerationsAndTypes), MemberType = typeof(Situation))]
    public async Task With_consumer_and_publisher_at_work_the_counts_add_up_and_nothing_is_lost_or_doubled(string generation, string type)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Situation.Queue, type);
        await at.FillAsync(1000);
        await using IndependentClient application = await IndependentClient.ConnectAsync(at.Host.Broker, at.Host.Name);
        await using ApplicationConsumer consumer = await application.WorkAsync(Situation.Queue);
        Task publishing = application.PublishEachAsync(Situation.Queue, Enumerable.Range(1000, 300).Select(number => $"{number}"), Cancellation);
        QueueEntry entry = await at.BackupAsync();
        await publishing;

        Assert.Equal(QueueOutcome.Captured, entry.Outcome);
        Assert.Equal(entry.DepthAtStart, entry.Messages + entry.Gaps.Sum(gap => gap.Messages));
        Assert.All(entry.Gaps, gap => Assert.Equal("TakenByConsumers", gap.Code));
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); consumer.Received.Count < 1300; await Task.Delay(50, Cancellation))
        {
            Assert.True(DateTime.UtcNow < deadline, $"The application got {consumer.Received.Count} of 1300.");
        }

        Assert.Equal(1300, consumer.Received.Distinct().Count());
        Assert.Equal(0u, await at.Client.CountAsync(Situation.Queue));
    }
}
