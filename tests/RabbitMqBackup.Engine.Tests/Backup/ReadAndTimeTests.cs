using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Backup;

/// <summary>What a backup does to queues whose messages, or which themselves, live for a time. docs/SAFETY.md names these tests.</summary>
public sealed class ReadAndTimeTests
{
    private const string Dead = "dead";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Brokers look at the head of a queue only: what has expired in the middle goes when it gets there.</summary>
    [Theory]
    [MemberData(nameof(Situation.GenerationsAndTypes), MemberType = typeof(Situation))]
    public async Task Messages_whose_time_runs_out_while_they_are_held_are_in_the_backup_and_expire_at_the_head_of_the_queue(string generation, string type)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Dead, "classic");
        await at.Client.DeclareAsync(Situation.Queue, type, new() { ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = Dead });
        QueueEntry entry;
        int tries = 0;
        do
        {
            await at.Client.PurgeAsync(Situation.Queue);
            await at.Client.PurgeAsync(Dead);
            await at.Client.PublishAsync(Situation.Queue, Enumerable.Range(0, 100).Select(number =>
                (new BasicProperties { MessageId = $"{number}", Expiration = number is < 40 or >= 80 ? "3000" : "600000" }, new byte[10])));
            entry = await at.BackupAsync(perSecond: 20);
            // Where the backup took so long to begin that they expired before, again.
        }
        while (entry.Messages < 100 && ++tries < 5);

        Assert.Equal((QueueOutcome.Captured, 100), (entry.Outcome, (int)entry.Messages));
        await at.UntilCountAsync(Dead, 40);
        Assert.Equal(60u, await at.Client.CountAsync(Situation.Queue));
        for (int number = 40; number < 80; number++)
        {
            Assert.Equal($"{number}", (await at.Client.TakeAsync(Situation.Queue))?.BasicProperties.MessageId);
        }

        Assert.Null(await at.Client.TakeAsync(Situation.Queue));
        await at.UntilCountAsync(Dead, 60);
        Assert.Equal(Enumerable.Range(0, 100).Where(number => number is < 40 or >= 80).Select(number => $"{number}"), (await at.Client.TakeIdsAsync(Dead)).OrderBy(int.Parse));
    }

    [Theory]
    [MemberData(nameof(Situation.GenerationsAndTypes), MemberType = typeof(Situation))]
    public async Task A_queue_that_expires_lives_as_long_as_it_is_read_and_its_time_begins_anew(string generation, string type)
    {
        await using Situation at = await Situation.CreateAsync(generation);
        await at.Client.DeclareAsync(Situation.Queue, type, new() { ["x-expires"] = 8000 });
        Task<QueueEntry> backup;
        await using (await at.Client.WorkAsync(Situation.Queue, acknowledge: false, prefetch: 1))
        {
            // As long as the backup has not begun, this one keeps the queue alive.
            // So large that one read of the socket brings few of them: the rate holds the queue for some seconds, and what is paid for after the release does not take as long as the queue lives.
            await at.Client.PublishEachAsync(Situation.Queue, Enumerable.Range(0, 2000).Select(number => $"{number}"), Cancellation, bytes: 1000);
            await at.UntilCountAsync(Situation.Queue, 1999);
            backup = at.BackupAsync(perSecond: 200);
            await at.UntilHeldAsync(Situation.Queue);
        }

        QueueEntry entry = await backup;
        Assert.Equal((QueueOutcome.Captured, 1999, "Caution"), (entry.Outcome, (int)entry.Messages, entry.Verdict));
        Assert.Contains(entry.VerdictReasons, reason => reason.Contains("deleted when nobody uses it", StringComparison.Ordinal));
        Assert.Equal(2000u, await at.Client.CountAsync(Situation.Queue));
    }
}
