using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Amqp;
using RabbitMqBackup.Engine.Tests.Broker.Amqp;
using Xunit;
using static RabbitMqBackup.Engine.Tests.Broker.QueueReadScript;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>Whatever breaks a read off: what it holds is given back first, against a scripted broker.</summary>
public sealed class QueueReadReleaseTests
{
    [Fact]
    public async Task A_sink_that_throws_gets_no_more_and_everything_is_given_back_before_its_exception_comes_out()
    {
        bool released = false;
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 4);
            await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1), Message(2));
            await peer.ExpectAsync(MethodId.BasicCancel);

            // On their way when the cancel was sent: held, and so to be given back.
            await peer.SendAsync(Message(3), Message(4), Wire.Method(Reading, 60, 31, Wire.Short("bk-000")));
            await peer.DeclareAsync(Control, ready: 0);
            await ExpectNackAsync(peer, 4);
            await peer.DeclareAsync(Control, ready: 4);
            released = true;
            await peer.CloseAsync();
        });
        CollectingSink sink = new() { OnMessage = count => _ = count == 1 ? throw new InvalidDataException("full") : 0 };
        await Assert.ThrowsAsync<InvalidDataException>(() => ReadAsync(broker, Request with { Release = QueueReleaseMethod.Nack }, sink));
        Assert.True(released);
        Assert.Single(sink.Messages);
    }

    [Fact]
    public async Task A_sink_that_throws_in_a_pause_is_the_same()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 4);
            await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1));
            await AnswerCancelsAsync(peer, 1);
            await AnswerChannelCloseAsync(peer);
            await peer.CloseAsync();
        });
        CollectingSink sink = null!;
        sink = new()
        {
            OnPause = async _ =>
            {
                if (sink.Messages.Count > 0)
                {
                    await Task.Yield();
                    throw new InvalidDataException("full");
                }
            },
        };
        await Assert.ThrowsAsync<InvalidDataException>(() => ReadAsync(broker, Request, sink));
    }

    [Fact]
    public async Task A_cancellation_lets_the_sink_out_of_its_pause_and_gives_everything_back()
    {
        bool released = false;
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 4);
            await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1));
            await AnswerCancelsAsync(peer, 1);
            await AnswerChannelCloseAsync(peer);
            released = true;
            await peer.CloseAsync();
        });
        using CancellationTokenSource cancel = new();
        CollectingSink sink = null!;
        sink = new()
        {
            OnPause = async token =>
            {
                if (sink.Messages.Count > 0)
                {
                    await cancel.CancelAsync();
                    await Task.Delay(Timeout.Infinite, token);
                }
            },
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new QueueReader(broker.Options, TimeProvider.System).ReadAsync(Request, sink, cancel.Token));
        Assert.True(released);
    }

    [Fact]
    public async Task A_quorum_queue_that_was_given_back_messages_before_is_held_up_to_the_first_new_one_before_the_release()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 10);
            await peer.ConsumeAsync(Reading);
            await peer.DeclareAsync(Control, ready: 8, consumers: 1);
            await peer.SendAsync(Message(1, redelivered: true), Message(2, redelivered: true));
            (ushort prefetch, string tag) = await peer.ConsumeAsync(Reading);
            Assert.Equal((8, "bk-001"), (prefetch, tag));
            for (ulong i = 3; i <= 10; i++)
            {
                await peer.SendAsync(Message(i, redelivered: i < 5));
            }

            await AnswerCancelsAsync(peer, 2);
            await peer.DeclareAsync(Control, ready: 0);
            await ExpectNackAsync(peer, 10);
            await peer.DeclareAsync(Control, ready: 10);
            await peer.CloseAsync();
        });
        CollectingSink sink = new() { OnMessage = _ => throw new InvalidDataException("full") };
        await Assert.ThrowsAsync<InvalidDataException>(() => ReadAsync(broker, Request with { IsQuorum = true, Prefetch = 2, Release = QueueReleaseMethod.Nack }, sink));
    }

    [Fact]
    public async Task Holding_the_rest_is_bounded_and_the_release_comes_all_the_same()
    {
        bool released = false;
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 10);
            await peer.ConsumeAsync(Reading);
            await peer.DeclareAsync(Control, ready: 0, consumers: 1);
            await peer.SendAsync(Message(1, redelivered: true));
            await AnswerCancelsAsync(peer, 1);
            await AnswerChannelCloseAsync(peer);
            released = true;
            await peer.CloseAsync();
        });
        CollectingSink sink = new() { OnMessage = _ => throw new InvalidDataException("full") };
        QueueReadRequest request = Request with { IsQuorum = true, HoldTimeout = TimeSpan.FromMilliseconds(200), IdleTimeout = TimeSpan.FromSeconds(5) };
        await Assert.ThrowsAsync<InvalidDataException>(() => ReadAsync(broker, request, sink));
        Assert.True(released);
    }

    [Fact]
    public async Task A_leader_that_is_too_busy_to_count_what_came_back_is_waited_for()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 1);
            await peer.ConsumeAsync(Reading);
            await peer.DeclareAsync(Control, ready: 0, consumers: 1);
            await peer.SendAsync(Message(1));
            await AnswerCancelsAsync(peer, 1);
            await AnswerChannelCloseAsync(peer);
            for (DateTime until = DateTime.UtcNow.AddSeconds(2); DateTime.UtcNow < until;)
            {
                await peer.ExpectAsync(MethodId.QueueDeclare);
                await Task.Delay(260, Cancellation);
                await peer.SendAsync(Wire.Method(Control, 50, 11, Wire.Short("q"), Wire.U32(0), Wire.U32(0)));
            }

            await peer.DeclareAsync(Control, ready: 1);
            await peer.CloseAsync();
        });

        QueueReadResult result = await ReadAsync(broker, Quorum with { ReleaseTimeout = TimeSpan.FromSeconds(1) }, new CollectingSink());

        Assert.Equal((true, 1L), (result.AllReturned, result.ReadyAfter));
    }

    [Fact]
    public async Task A_release_that_is_not_answered_is_bounded_and_the_connection_is_dropped()
    {
        TaskCompletionSource dropped = new();
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 4);
            await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1), Message(2));
            await peer.ExpectAsync(MethodId.BasicCancel);
            await Assert.ThrowsAnyAsync<IOException>(peer.ReadFrameAsync);
            dropped.SetResult();
        });
        CollectingSink sink = new() { OnMessage = _ => throw new InvalidDataException("full") };
        await Assert.ThrowsAsync<InvalidDataException>(() => ReadAsync(broker, Request with { ReleaseTimeout = TimeSpan.FromMilliseconds(200) }, sink));
        await dropped.Task.WaitAsync(TimeSpan.FromSeconds(5), Cancellation);
    }
}
