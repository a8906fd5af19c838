using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Restore;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Restore;

/// <summary>When a target's queue is believed to be empty: a quorum queue whose leader does not answer in time is called empty by the broker.</summary>
public sealed class RestorePlannerTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("quorum", 5, new long[] { 0, 0, 0, 5 }, 5, 4)]
    [InlineData("quorum", 5, new long[] { 7 }, 7, 1)]
    [InlineData("quorum", 0, new long[] { 0 }, 0, 1)]
    [InlineData("classic", 5, new long[] { 0 }, 0, 1)]
    public async Task An_empty_quorum_queue_that_the_API_knows_messages_of_is_asked_again(string type, long known, long[] answers, long expected, int asks)
    {
        InstantTime time = new();
        int asked = 0;

        long ready = await RestorePlanner.ReadyAsync(_ => Task.FromResult(answers[asked++]), Queue(type, known), time, Cancel);

        Assert.Equal((expected, asks, asks - 1), (ready, asked, time.Waits.Count));
    }

    [Fact]
    public async Task A_quorum_queue_that_stays_empty_for_as_long_as_the_APIs_count_can_be_old_is_empty()
    {
        InstantTime time = new();
        int asked = 0;

        long ready = await RestorePlanner.ReadyAsync(
            _ =>
            {
                asked++;
                return Task.FromResult(0L);
            },
            Queue("quorum", 5),
            time,
            Cancel);

        Assert.Equal((0, RestorePlanner.EmptyAnswers), (ready, asked));
        // The API's statistics are 5 s old at most; a passive declare gives up on a leader after 250 ms.
        Assert.InRange(time.Waits.Sum(wait => wait.TotalSeconds) + (asked * 0.25), 5, 15);
    }

    [Fact]
    public async Task A_cancellation_ends_the_asking()
    {
        using CancellationTokenSource stop = new();
        int asked = 0;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => RestorePlanner.ReadyAsync(
            _ =>
            {
                asked++;
                stop.Cancel();
                return Task.FromResult(0L);
            },
            Queue("quorum", 5),
            TimeProvider.System,
            stop.Token));

        Assert.Equal(1, asked);
    }

    private static QueueInfo Queue(string type, long messages) => new() { VirtualHost = "/", Name = "q", Type = type, Messages = messages };

    /// <summary>Every wait is over at once; which there were is kept.</summary>
    private sealed class InstantTime : TimeProvider
    {
        internal List<TimeSpan> Waits { get; } = [];

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Waits.Add(dueTime);
            return System.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }
}
