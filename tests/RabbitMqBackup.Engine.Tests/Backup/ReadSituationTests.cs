using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>What a backup does to, and says of, queues in every situation that an application can bring them into. docs/SAFETY.md names these tests.</summary>
public class ReadSituationTests
{
    private const string Queue = "orders";
    private const string Dead = "dead";

    public static TheoryData<string> Generations => new() { "3.10", "4.0", "4.3" };

    public static TheoryData<string, string> GenerationsAndTypes => new()
    {
        { "3.10", "classic" }, { "3.10", "quorum" }, { "4.0", "classic" }, { "4.0", "quorum" }, { "4.3", "classic" }, { "4.3", "quorum" },
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task An_auto_delete_queue_outlives_the_backup_with_all_its_messages(string generation)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Queue, "classic", autoDelete: true);
        await at.FillAsync(300);
        for (int run = 0; run < 2; run++)
        {
            QueueEntry entry = await at.BackupAsync();
            Assert.Equal((QueueOutcome.Captured, "get", "channel-close", 300), (entry.Outcome, entry.ReadBy, entry.ReleasedBy, (int)entry.Messages));
        }

        await at.AssertIdsAsync(300);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Past_an_exclusive_consumer_a_classic_queue_is_read_with_get(string generation)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Queue, "classic");
        await at.FillAsync(300);
        await using (await at.Client.WorkAsync(Queue, acknowledge: false, prefetch: 20, exclusive: true))
        {
            await at.UntilListedAsync(queue => queue.HasExclusiveConsumer && queue.Unacknowledged == 20);
            QueueEntry entry = await at.BackupAsync();
            Assert.Equal((QueueOutcome.Captured, "get", 280, 20), (entry.Outcome, entry.ReadBy, (int)entry.Messages, (int)entry.UnacknowledgedAtStart));
        }

        await at.AssertIdsAsync(300);
    }

    [Theory]
    [MemberData(nameof(Generations))]
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
    [MemberData(nameof(Generations))]
    public async Task A_single_active_consumer_queue_without_a_consumer_is_read_by_one(string generation)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Queue, "quorum", new() { ["x-single-active-consumer"] = true });
        await at.FillAsync(300);
        QueueEntry entry = await at.BackupAsync();
        Assert.Equal((QueueOutcome.Captured, "consume", 300), (entry.Outcome, entry.ReadBy, (int)entry.Messages));
        await at.AssertIdsAsync(300);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task An_exclusive_queue_of_another_connection_is_skipped_also_when_forced(string generation)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareExclusiveAsync(Queue);
        await at.FillAsync(10);
        QueueEntry entry = await at.BackupAsync(force: true);
        Assert.Equal((QueueOutcome.Skipped, nameof(ErrorCode.QueueInUse)), (entry.Outcome, entry.ErrorCode));
        await at.AssertIdsAsync(10);
    }

    [Theory]
    [MemberData(nameof(GenerationsAndTypes))]
    public async Task A_queue_deleted_while_it_is_read_is_told_and_the_others_are_captured(string generation, string type)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Queue, type);
        await at.Client.DeclareAsync("other", type);
        await at.FillAsync(400);
        await at.FillAsync(10, "other");
        Task<BackupManifest> backup = at.Harness.BackupAsync(options => options with { MaxMessagesPerSecond = 100 });
        await at.UntilHeldAsync(Queue);
        await at.Client.DeleteAsync(Queue);
        BackupManifest manifest = await backup;

        QueueEntry gone = Assert.Single(manifest.Queues, queue => queue.Name == Queue);
        Assert.Equal(QueueOutcome.Captured, Assert.Single(manifest.Queues, queue => queue.Name == "other").Outcome);
        Assert.True(gone.Outcome is QueueOutcome.Incomplete or QueueOutcome.Failed, gone.Outcome.ToString());
        Assert.Equal(nameof(ErrorCode.QueueNotFound), gone.ErrorCode);
        Assert.Equal((400, 400), (gone.DepthAtStart, gone.Messages + gone.Gaps.Sum(gap => gap.Messages)));
        Assert.Single(at.Harness.Failures);
    }

    [Theory]
    [MemberData(nameof(GenerationsAndTypes))]
    public async Task With_consumer_and_publisher_at_work_the_counts_add_up_and_nothing_is_lost_or_doubled(string generation, string type)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Queue, type);
        await at.FillAsync(1000);
        await using IndependentClient application = await IndependentClient.ConnectAsync(at.Host.Broker, at.Host.Name);
        await using ApplicationConsumer consumer = await application.WorkAsync(Queue);
        Task publishing = application.PublishEachAsync(Queue, Enumerable.Range(1000, 300).Select(number => $"{number}"), Cancellation);
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
        Assert.Equal(0u, await at.Client.CountAsync(Queue));
    }

    /// <summary>Brokers look at the head of a queue only: what has expired in the middle goes when it gets there.</summary>
    [Theory]
    [MemberData(nameof(GenerationsAndTypes))]
    public async Task Messages_whose_time_runs_out_while_they_are_held_are_in_the_backup_and_expire_at_the_head_of_the_queue(string generation, string type)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Dead, "classic");
        await at.Client.DeclareAsync(Queue, type, new() { ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = Dead });
        QueueEntry entry;
        int tries = 0;
        do
        {
            await at.Client.PurgeAsync(Queue);
            await at.Client.PurgeAsync(Dead);
            await at.Client.PublishAsync(Queue, Enumerable.Range(0, 100).Select(number =>
                (new BasicProperties { MessageId = $"{number}", Expiration = number is < 40 or >= 80 ? "3000" : "600000" }, new byte[10])));
            entry = await at.BackupAsync(perSecond: 20);
            // Where the backup took so long to begin that they expired before, again.
        }
        while (entry.Messages < 100 && ++tries < 5);

        Assert.Equal((QueueOutcome.Captured, 100), (entry.Outcome, (int)entry.Messages));
        await at.UntilCountAsync(Dead, 40);
        Assert.Equal(60u, await at.Client.CountAsync(Queue));
        for (int number = 40; number < 80; number++)
        {
            Assert.Equal($"{number}", (await at.Client.TakeAsync(Queue))?.BasicProperties.MessageId);
        }

        Assert.Null(await at.Client.TakeAsync(Queue));
        await at.UntilCountAsync(Dead, 60);
        Assert.Equal(Enumerable.Range(0, 100).Where(number => number is < 40 or >= 80).Select(number => $"{number}"), (await at.Client.TakeIdsAsync(Dead)).OrderBy(int.Parse));
    }

    [Theory]
    [MemberData(nameof(GenerationsAndTypes))]
    public async Task A_queue_that_expires_lives_as_long_as_it_is_read_and_its_time_begins_anew(string generation, string type)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Queue, type, new() { ["x-expires"] = 3000 });
        Task<QueueEntry> backup;
        await using (await at.Client.WorkAsync(Queue, acknowledge: false, prefetch: 1))
        {
            // As long as the backup has not begun, this one keeps the queue alive.
            await at.Client.PublishEachAsync(Queue, Enumerable.Range(0, 200).Select(number => $"{number}"), Cancellation);
            await at.UntilCountAsync(Queue, 199);
            backup = at.BackupAsync(perSecond: 30);
            await at.UntilHeldAsync(Queue);
        }

        QueueEntry entry = await backup;
        Assert.Equal((QueueOutcome.Captured, 199, "Caution"), (entry.Outcome, (int)entry.Messages, entry.Verdict));
        Assert.Contains(entry.VerdictReasons, reason => reason.Contains("deleted when nobody uses it", StringComparison.Ordinal));
        Assert.Equal(200u, await at.Client.CountAsync(Queue));
    }

    [Theory]
    [MemberData(nameof(GenerationsAndTypes))]
    public async Task A_full_queue_that_drops_its_head_ends_as_it_would_have_without_the_backup(string generation, string type)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Queue, type, new() { ["x-max-length"] = 200 });
        await at.FillAsync(200);
        Task<QueueEntry> backup = at.BackupAsync(perSecond: 20);
        await at.UntilHeldAsync(Queue);
        await at.Client.PublishEachAsync(Queue, Enumerable.Range(200, 50).Select(number => $"{number}"), Cancellation);
        QueueEntry entry = await backup;

        Assert.Equal((QueueOutcome.Captured, 200), (entry.Outcome, (int)entry.Messages));
        await at.UntilCountAsync(Queue, 200);
        Assert.Equal(Enumerable.Range(50, 200).Select(number => $"{number}"), await at.Client.TakeIdsAsync(Queue));
    }

    [Theory]
    [MemberData(nameof(GenerationsAndTypes))]
    public async Task A_full_queue_that_refuses_takes_what_is_published_while_its_messages_are_held(string generation, string type)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Queue, type, new() { ["x-max-length"] = 200, ["x-overflow"] = "reject-publish" });
        await at.FillAsync(200);
        Task<QueueEntry> backup = at.BackupAsync(perSecond: 20);
        await at.UntilHeldAsync(Queue);
        await at.Client.PublishEachAsync(Queue, Enumerable.Range(200, 50).Select(number => $"{number}"), Cancellation);
        QueueEntry entry = await backup;

        Assert.Equal((QueueOutcome.Captured, "Caution"), (entry.Outcome, entry.Verdict));
        await at.UntilCountAsync(Queue, 250);
        Assert.Equal(Enumerable.Range(0, 250).Select(number => $"{number}"), await at.Client.TakeIdsAsync(Queue));
    }

    [Theory]
    [MemberData(nameof(GenerationsAndTypes))]
    public async Task When_the_hold_time_is_over_everything_goes_back_in_order_and_the_rest_is_a_gap(string generation, string type)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Queue, type);
        await at.FillAsync(3000);
        bool seen = true;
        foreach (int run in (int[])[1, 2])
        {
            QueueEntry entry = await at.BackupAsync(perSecond: 100, hold: TimeSpan.FromSeconds(5));
            Assert.Equal((QueueOutcome.Incomplete, nameof(ErrorCode.OperationTimedOut)), (entry.Outcome, entry.ErrorCode));
            GapEntry gap = Assert.Single(entry.Gaps);
            Assert.Equal(("HoldTime", 3000), (gap.Code, entry.Messages + gap.Messages));
            Assert.InRange(entry.Messages, 1, 2999);
            // On a machine so busy that the next message is not seen in the time that is left, the report says so.
            Assert.All(entry.Notes, note => Assert.Contains("what follows them was not seen", note, StringComparison.Ordinal));
            seen &= entry.Notes.Count == 0;
            Assert.Equal(run, at.Harness.Failures.Count);
        }

        await at.UntilCountAsync(Queue, 3000);
        List<string> ids = await at.Client.TakeIdsAsync(Queue);
        AssertNumbers(3000, ids, inOrder: seen);
    }

    [Theory]
    [InlineData("4.3", "classic")]
    [InlineData("4.0", "quorum")]
    public async Task Of_two_backups_at_once_none_is_complete_with_a_part_of_the_queue(string generation, string type)
    {
        const int Count = 8000;
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Queue, type);
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
        await at.UntilCountAsync(Queue, Count);
        List<string> ids = await at.Client.TakeIdsAsync(Queue);
        AssertNumbers(Count, ids, inOrder: type == "classic");
    }

    [Theory]
    [InlineData("classic")]
    [InlineData("quorum")]
    public async Task A_purge_in_the_middle_of_a_read_is_not_taken_for_consumers(string type)
    {
        await using Situation at = await Situation.CreateAsync("4.3");
        await at.Client.DeclareAsync(Queue, type);
        await at.FillAsync(1000);
        Task<QueueEntry> backup = at.BackupAsync(perSecond: 50);
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); await at.Client.CountAsync(Queue) is 1000 or 0; await Task.Delay(20, Cancellation))
        {
            Assert.True(DateTime.UtcNow < deadline && !backup.IsCompleted, "The backup does not read.");
        }

        uint purged = await at.Client.PurgeAsync(Queue);
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

    [Fact]
    public async Task On_3_10_a_queue_declared_with_the_limit_minus_one_is_not_touched()
    {
        await using Situation at = await Situation.CreateAsync("3.10");
        await at.Client.DeclareAsync(Queue, "quorum", new() { ["x-delivery-limit"] = -1 });
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
        await at.Client.DeclareAsync(Queue, "classic");
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
        await at.Client.DeclareAsync(Queue, "quorum", new() { ["x-delayed-retry-type"] = retry, ["x-delayed-retry-min"] = 2000 });
        await at.FillAsync(50);
        QueueEntry entry = await at.BackupAsync();
        Assert.Equal(verdict, entry.Verdict);
        Assert.Equal(verdict == "Unsafe" ? QueueOutcome.Skipped : QueueOutcome.Captured, entry.Outcome);
        Assert.Equal(50u, await at.Client.CountAsync(Queue));

        // Forced: hidden for the delay, then all there.
        Assert.Equal(QueueOutcome.Captured, (await at.BackupAsync(force: true)).Outcome);
        await at.UntilCountAsync(Queue, 50);
        Assert.Equal(50, (await at.Client.TakeIdsAsync(Queue)).Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(GenerationsAndTypes))]
    public async Task Priorities_are_delivered_after_a_backup_as_before(string generation, string type)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Queue, type, type == "classic" ? new() { ["x-max-priority"] = 5 } : null);
        await at.Client.PublishAsync(Queue, Enumerable.Range(0, 300).Select(number => (new BasicProperties { MessageId = $"{number}", Priority = (byte)(number % 4) }, new byte[10])));
        List<string> before = await at.Client.FingerprintsAsync(Queue);
        await at.BackupAsync(force: true);
        Assert.Equal(before, await at.Client.FingerprintsAsync(Queue));
    }

    private static void AssertNumbers(int count, IEnumerable<string> ids, bool inOrder)
    {
        IEnumerable<int> numbers = ids.Select(int.Parse);
        Assert.Equal(Enumerable.Range(0, count), inOrder ? numbers : numbers.Order());
    }

    /// <summary>A virtual host with a queue in some situation.</summary>
    private sealed class Situation : IAsyncDisposable
    {
        private Situation(TestVirtualHost host, IndependentClient client) => (Host, Client, Harness) = (host, client, EngineHarness.For(host));

        internal TestVirtualHost Host { get; }

        internal IndependentClient Client { get; }

        internal EngineHarness Harness { get; }

        internal static async Task<Situation> CreateAsync(string generation)
        {
            TestVirtualHost host = await Brokers.VirtualHostAsync(generation);
            return new Situation(host, await IndependentClient.ConnectAsync(host.Broker, host.Name));
        }

        internal Task FillAsync(int count, string queue = Queue) =>
            Client.PublishAsync(queue, Enumerable.Range(0, count).Select(number => (new BasicProperties { MessageId = $"{number}" }, new byte[10])));

        internal async Task<QueueEntry> BackupAsync(string queue = Queue, bool force = false, long? perSecond = null, TimeSpan? hold = null) =>
            Assert.Single((await Harness.BackupAsync(options => options with
            {
                Selection = options.Selection with { Names = [queue] },
                Force = force,
                MaxMessagesPerSecond = perSecond,
                MaxHoldTime = hold,
            })).Queues);

        internal async Task AssertIdsAsync(int count, string queue = Queue)
        {
            await UntilCountAsync(queue, (uint)count);
            Assert.Equal(Enumerable.Range(0, count).Select(number => $"{number}"), await Client.TakeIdsAsync(queue));
        }

        internal async Task UntilCountAsync(string queue, uint count)
        {
            for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); await Client.CountAsync(queue) is var ready && ready != count; await Task.Delay(50, Cancellation))
            {
                Assert.True(DateTime.UtcNow < deadline, $"{ready} of {count} message(s) are ready in '{queue}'.");
            }
        }

        /// <summary>Waits until the backup holds all that was ready.</summary>
        internal Task UntilHeldAsync(string queue) => UntilCountAsync(queue, 0);

        internal async Task UntilListedAsync(Func<QueueInfo, bool> wanted, string queue = Queue)
        {
            using ManagementClient management = new(Harness.Broker);
            for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); await management.GetQueueAsync(new(Host.Name, queue), Cancellation) is not { } info || !wanted(info); await Task.Delay(200, Cancellation))
            {
                Assert.True(DateTime.UtcNow < deadline, "The management API does not list the queue as it should be.");
            }
        }

        internal async Task PutPolicyAsync(string definition)
        {
            using StringContent body = new($$"""{"pattern":"^{{Queue}}$","apply-to":"queues","priority":1,"definition":{{definition}}}""");
            body.Headers.ContentType = new("application/json");
            using HttpResponseMessage put = await Host.Broker.Management.PutAsync($"policies/{Uri.EscapeDataString(Host.Name)}/limit", body, Cancellation);
            put.EnsureSuccessStatusCode();
        }

        public async ValueTask DisposeAsync()
        {
            Harness.Dispose();
            await Client.DisposeAsync();
            await Host.DisposeAsync();
        }
    }
}
