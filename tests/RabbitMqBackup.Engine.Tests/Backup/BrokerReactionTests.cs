using System.Net.Http.Json;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>What the broker and its plugins make of a queue whose messages a reader holds or has given back. docs/SAFETY.md names these tests.</summary>
public sealed class BrokerReactionTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>A quorum queue delivers what it was given back before it looks at any priority (rabbit_fifo, <c>take_next_msg</c>).</summary>
    [Theory]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task What_a_quorum_queue_is_given_back_goes_before_what_is_more_urgent_and_comes_later_and_the_entry_says_so(string generation)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        string[] queues = [Situation.Queue, "untouched"];
        foreach (string queue in queues)
        {
            await at.Client.DeclareAsync(queue, "quorum");
            await at.Client.PublishAsync(queue, Enumerable.Range(0, 20).Select(number => (new BasicProperties { MessageId = $"{number}", Priority = (byte)(number == 7 ? 5 : 1) }, new byte[10])));
        }

        await at.UntilListedAsync(queue => queue.Prioritized > 0);
        QueueEntry entry = await at.BackupAsync();
        Assert.Equal((QueueOutcome.Captured, nameof(ReadVerdict.Caution)), (entry.Outcome, entry.Verdict));
        Assert.Contains(entry.VerdictReasons, reason => reason.Contains("more urgent", StringComparison.Ordinal));
        foreach (string queue in queues)
        {
            await at.Client.PublishAsync(queue, [(new BasicProperties { MessageId = "urgent", Priority = 9 }, new byte[10])]);
        }

        // 4.0 knows two priorities and lets one of the lower pass for two of the higher.
        Assert.InRange((await at.Client.TakeIdsAsync("untouched")).IndexOf("urgent"), 0, 2);
        Assert.Equal("urgent", (await at.Client.TakeIdsAsync(Situation.Queue))[^1]);
        Assert.Contains(entry.Notes, note => note.Contains("more urgent", StringComparison.Ordinal));
    }

    /// <summary>A classic queue sorts by priority what it is given back (rabbit_priority_queue, <c>requeue</c>), and a quorum queue of messages without any has no need to be told.</summary>
    [Theory]
    [InlineData("3.10", "classic", true)]
    [InlineData("4.0", "classic", true)]
    [InlineData("4.3", "classic", true)]
    [InlineData("4.3", "quorum", false)]
    public async Task Where_urgent_messages_still_come_first_or_none_are_nothing_is_said(string generation, string type, bool urgent)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Situation.Queue, type, type == "classic" ? new() { ["x-max-priority"] = 9 } : null);
        await at.Client.PublishAsync(Situation.Queue, Enumerable.Range(0, 20).Select(number => (urgent ? new BasicProperties { MessageId = $"{number}", Priority = 1 } : new BasicProperties { MessageId = $"{number}" }, new byte[10])));
        QueueEntry entry = await at.BackupAsync();
        Assert.Empty(entry.Notes);
        if (urgent)
        {
            await at.Client.PublishAsync(Situation.Queue, [(new BasicProperties { MessageId = "urgent", Priority = 9 }, new byte[10])]);
            Assert.Equal("urgent", (await at.Client.TakeIdsAsync(Situation.Queue))[0]);
        }
    }

    /// <summary>The plugin sends an application's consumer to the shard that has the fewest consumers (rabbit_sharding_interceptor, <c>least_consumers</c>): those of a backup would send it elsewhere for good.</summary>
    [Theory]
    [MemberData(nameof(Situation.Generations), MemberType = typeof(Situation))]
    public async Task A_shard_is_read_without_a_consumer(string generation)
    {
        const string Shard = "sharding: images - rabbit@localhost - 0";
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Shard, "classic");
        await at.FillAsync(50, Shard);
        QueueEntry entry = await at.BackupAsync(Shard);
        Assert.Equal((QueueOutcome.Captured, 50L, "get"), (entry.Outcome, entry.Messages, entry.ReadBy));
        await at.AssertIdsAsync(50, Shard);
    }

    /// <summary>Whether a classic queue is empty the broker decides by what is ready (rabbit_amqqueue_process, <c>delete</c>): nobody can keep it from that, and what was captured is all that is left.</summary>
    [Theory]
    [MemberData(nameof(Situation.Generations), MemberType = typeof(Situation))]
    public async Task A_classic_queue_that_is_deleted_if_empty_while_it_is_held_is_in_the_backup(string generation)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Situation.Queue, "classic");
        await at.FillAsync(200, bytes: 10_000);
        using ManualResetEventSlim go = at.HoldUp();
        Task<QueueEntry> backup = Task.Run(() => at.BackupAsync(perSecond: 100));
        await at.UntilHeldAsync(Situation.Queue);
        await at.Client.DeleteIfEmptyAsync(Situation.Queue);
        go.Set();
        QueueEntry entry = await backup;
        Assert.Equal(nameof(ErrorCode.QueueNotFound), entry.ErrorCode);
        Assert.Equal((QueueOutcome.Incomplete, 200L, 200L), (entry.Outcome, entry.Messages, entry.DepthAtStart));
    }

    /// <summary>How many messages it has to move such a shovel asks once, when it begins (rabbit_amqp091_shovel, <c>remaining</c>); what is held does not count.</summary>
    [Theory]
    [MemberData(nameof(Situation.GenerationsAndTypes), MemberType = typeof(Situation))]
    public async Task A_shovel_that_is_to_move_the_length_of_a_queue_that_is_held_moves_nothing_and_is_gone(string generation, string type)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Situation.Queue, type);
        await at.Client.DeclareAsync("target", type);
        await at.FillAsync(200, bytes: 10_000);
        using ManualResetEventSlim go = at.HoldUp();
        Task<QueueEntry> backup = Task.Run(() => at.BackupAsync(perSecond: 100));
        // More than once: a quorum queue that is slow to answer is called empty.
        for (int held = 0; held < 5; held = await at.Client.CountAsync(Situation.Queue) == 0 ? held + 1 : 0)
        {
            await Task.Delay(100, Cancellation);
            Assert.False(backup.IsCompleted, "The backup does not hold the queue.");
        }

        string name = $"parameters/shovel/{Uri.EscapeDataString(at.Host.Name)}/move";
        string uri = $"{at.Host.Broker.AmqpUri(at.Host.Name)}";
        Dictionary<string, object> shovel = new() { ["src-uri"] = uri, ["src-queue"] = Situation.Queue, ["dest-uri"] = uri, ["dest-queue"] = "target", ["src-delete-after"] = "queue-length" };
        using HttpResponseMessage put = await at.Host.Broker.Management.PutAsJsonAsync(name, new { value = shovel }, Cancellation);
        put.EnsureSuccessStatusCode();
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(60); ; await Task.Delay(100, Cancellation))
        {
            using HttpResponseMessage answer = await at.Host.Broker.Management.GetAsync(name, Cancellation);
            if (answer.StatusCode == System.Net.HttpStatusCode.NotFound)
            {
                break;
            }

            Assert.True(DateTime.UtcNow < deadline, "The shovel is still there.");
        }

        go.Set();
        Assert.Equal(QueueOutcome.Captured, (await backup).Outcome);
        Assert.Equal(0u, await at.Client.CountAsync("target"));
        await at.AssertIdsAsync(200);
    }
}
