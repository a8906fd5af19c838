using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Tests.EndToEnd;
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
    public async Task Many_are_published_again_a_hundred_at_a_time_and_the_others_keep_their_places(string generation)
    {
        const int AtLimit = 2_500, Others = 500;
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync("dead", "classic");
        await at.Client.DeclareAsync(Situation.Queue, "quorum", new() { ["x-delivery-limit"] = 1, ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = "dead" });
        await at.FillAsync(AtLimit);
        await at.Client.FingerprintsAsync(Situation.Queue);
        await at.Client.PublishEachAsync(Situation.Queue, Enumerable.Range(AtLimit, Others).Select(number => $"{number}"), TestContext.Current.CancellationToken);

        QueueEntry entry = await at.BackupAsync(force: true);

        Assert.Equal((QueueOutcome.Captured, AtLimit + Others, AtLimit, 0), (entry.Outcome, (int)entry.Messages, entry.Notes.Count, entry.Gaps.Count));
        await at.UntilCountAsync(Situation.Queue, AtLimit + Others);
        Assert.Equal(Enumerable.Range(AtLimit, Others).Concat(Enumerable.Range(0, AtLimit)).Select(number => $"{number}"), await at.Client.TakeIdsAsync(Situation.Queue));
        Assert.Equal(0u, await at.Client.CountAsync("dead"));
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    public async Task Copies_are_not_captured_though_what_others_hold_may_come_back_before_them(string generation)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Situation.Queue, "quorum", new() { ["x-delivery-limit"] = 1 });
        await at.FillAsync(LimitedQueue.Count);
        await at.Client.FingerprintsAsync(Situation.Queue);
        await using ApplicationConsumer holding = await at.Client.WorkAsync(Situation.Queue, acknowledge: false, prefetch: 5);
        await at.UntilCountAsync(Situation.Queue, LimitedQueue.Count - 5);

        QueueEntry entry = await at.BackupAsync(force: true);

        Assert.Equal((LimitedQueue.Count - 5, LimitedQueue.Count - 5), ((int)entry.Messages, entry.Notes.Count(note => note.Contains("published again", StringComparison.Ordinal))));
        await at.UntilCountAsync(Situation.Queue, LimitedQueue.Count - 5);
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    public async Task Once_copies_are_made_what_is_held_without_a_consumer_keeps_no_read_waiting(string generation)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Situation.Queue, "quorum", new() { ["x-delivery-limit"] = 1 });
        await at.FillAsync(LimitedQueue.Count);
        await at.Client.FingerprintsAsync(Situation.Queue);
        await using RabbitMQ.Client.IChannel holding = await at.Client.HoldAsync(Situation.Queue);
        await at.UntilListedAsync(queue => queue.Unacknowledged == 1);

        QueueEntry entry = await at.BackupAsync(force: true);

        Assert.Equal((QueueOutcome.Captured, LimitedQueue.Count - 1, LimitedQueue.Count - 1), (entry.Outcome, (int)entry.Messages, entry.Notes.Count(note => note.Contains("published again", StringComparison.Ordinal))));
        await at.UntilCountAsync(Situation.Queue, LimitedQueue.Count - 1);
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

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.0")]
    public async Task No_copy_is_in_the_backup_beside_its_original_though_consumers_take_and_publishers_add(string generation)
    {
        const int Depth = 2_000;
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync("dead", "classic");
        await at.Client.DeclareAsync(Situation.Queue, "quorum", new() { ["x-delivery-limit"] = 1, ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = "dead" });
        await at.FillAsync(Depth);
        await at.Client.FingerprintsAsync(Situation.Queue);
        await using IndependentClient application = await IndependentClient.ConnectAsync(at.Host.Broker, at.Host.Name);
        await using ApplicationConsumer consumer = await application.WorkAsync(Situation.Queue, prefetch: 50, work: TimeSpan.FromMilliseconds(1));
        using CancellationTokenSource enough = new();
        Task publishing = application.PublishEachAsync(Situation.Queue, Enumerable.Range(Depth, 100_000).Select(number => $"{number}"), enough.Token);

        BackupManifest manifest = await at.Harness.BackupAsync(options => options with { Force = true, Selection = options.Selection with { Names = [Situation.Queue] } });
        await enough.CancelAsync();
        await Task.WhenAny(publishing);

        QueueEntry entry = Assert.Single(manifest.Queues);
        List<string> ids = [];
        foreach (BackupSegment segment in BackupContents.GetSegments(manifest))
        {
            await foreach (BackupMessage message in BackupContents.ReadMessagesAsync(segment, TestContext.Current.CancellationToken))
            {
                ids.Add(message.Properties.MessageId!);
            }
        }

        Assert.Empty(ids.GroupBy(id => id).Where(same => same.Count() > 1).Select(same => same.Key));
        Assert.Equal((ids.Count, entry.DepthAtStart), ((int)entry.Messages, entry.Messages + entry.Gaps.Sum(gap => gap.Messages ?? 0)));
        Assert.Contains(entry.Notes, note => note.Contains("published again", StringComparison.Ordinal));
        Assert.Equal(0u, await at.Client.CountAsync("dead"));
    }
}
