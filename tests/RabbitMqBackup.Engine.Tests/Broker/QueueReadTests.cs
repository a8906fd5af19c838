using System.Text;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Amqp;
using RabbitMqBackup.Engine.Tests.Broker.Amqp;
using Xunit;
using Xunit.Sdk;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>The order of a read's steps, and what it does when something goes wrong, against a scripted broker. Channel 1 asks, channel 2 reads.</summary>
public class QueueReadTests
{
    private const ushort Control = 1;
    private const ushort Reading = 2;

    private static readonly QueueReadRequest Request = new() { Queue = new QueueName("/", "q"), IdleTimeout = TimeSpan.FromMilliseconds(300), ReleaseTimeout = TimeSpan.FromSeconds(5) };

    private static readonly QueueReadRequest Quorum = Request with { IsQuorum = true };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_empty_queue_is_only_asked()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await peer.OpenAsync();
            await peer.OpenChannelAsync(Control);
            await peer.DeclareAsync(Control, ready: 0, consumers: 3);
            await peer.CloseAsync();
        });
        QueueReadResult result = await ReadAsync(broker, Request, new CollectingSink());
        Assert.Equal((0, 0, 3, null, ReadStop.DepthReached), (result.Depth, result.Delivered, result.ConsumersAfter, result.Released, result.Stop));
        Assert.True(result.AllReturned);
    }

    [Fact]
    public async Task A_quorum_queue_is_empty_only_when_its_leader_says_so()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 0);
            Assert.Equal(1, (await peer.ConsumeAsync(Reading)).Prefetch);
            // What the broker says where the leader does not answer: no consumer, though there is one.
            await peer.DeclareAsync(Control, ready: 0, consumers: 0);
            await peer.DeclareAsync(Control, ready: 0, consumers: 0);
            await peer.DeclareAsync(Control, ready: 0, consumers: 1);
            await EndAsync(peer, consumers: 1, ready: 0);
        });
        QueueReadResult result = await ReadAsync(broker, Quorum, new CollectingSink());
        Assert.Equal((0, 0, null, ReadStop.DepthReached), (result.Depth, result.Delivered, result.Released, result.Stop));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task A_quorum_queue_that_was_not_up_when_it_was_asked_is_read_to_its_true_depth(uint told)
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, told);
            ushort first = (await peer.ConsumeAsync(Reading)).Prefetch;
            Assert.Equal(Math.Max(1, told), first);
            await peer.DeclareAsync(Control, ready: 5u - first, consumers: 1);
            for (ulong i = 1; i <= first; i++)
            {
                await peer.SendAsync(Message(i));
            }

            Assert.Equal(5 - first, (await peer.ConsumeAsync(Reading)).Prefetch);
            for (ulong i = first + 1ul; i <= 5; i++)
            {
                await peer.SendAsync(Message(i));
            }

            await EndAsync(peer, consumers: 2, ready: 5);
        });
        List<long> depths = [];
        CollectingSink sink = new();
        QueueReadResult result = await ReadAsync(broker, Quorum with { DepthKnown = depths.Add }, sink);
        Assert.Equal((5, 5, ReadStop.DepthReached), (result.Depth, result.Delivered, result.Stop));
        Assert.Equal(["m1", "m2", "m3", "m4", "m5"], sink.Messages.Select(message => Encoding.UTF8.GetString(message.Body)));
        Assert.Equal([told, 5], depths);
    }

    [Fact]
    public async Task A_leader_that_does_not_answer_is_a_transient_error_and_not_a_queue_without_messages()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 3);
            await peer.ConsumeAsync(Reading);
            await peer.DeclareAsync(Control, ready: 0, consumers: 1);
            await peer.SendAsync(Message(1));
            try
            {
                while (true)
                {
                    await peer.DeclareAsync(Control, ready: 0, consumers: 0);
                }
            }
            catch (EqualException)
            {
                // The cancel, which this leader does not answer either.
                await Assert.ThrowsAnyAsync<IOException>(peer.ReadFrameAsync);
            }
        });
        QueueReader reader = new(broker.Options with { RequestTimeout = TimeSpan.FromMilliseconds(300) }, TimeProvider.System);
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => reader.ReadAsync(Quorum with { ReleaseTimeout = TimeSpan.FromMilliseconds(200) }, new CollectingSink(), Cancellation));
        Assert.Equal((ErrorCode.OperationTimedOut, true), (error.Code, error.IsTransient));
        Assert.Contains("leader", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_queue_with_more_consumers_than_known_is_not_touched()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await peer.OpenAsync();
            await peer.OpenChannelAsync(Control);
            await peer.DeclareAsync(Control, ready: 3, consumers: 2);
            await peer.CloseAsync();
        });
        QueueReadResult result = await ReadAsync(broker, Request with { ConsumersKnown = 1 }, new CollectingSink());
        Assert.Equal((ReadStop.OthersAtWork, 3, 0), (result.Stop, result.Depth, result.Delivered));
    }

    [Fact]
    public async Task When_another_consumer_comes_in_the_same_moment_everything_goes_back()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 3);
            await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1));
            await peer.DeclareAsync(Control, ready: 0, consumers: 2);
            await EndAsync(peer, consumers: 1, ready: 1);
        });
        QueueReadResult result = await ReadAsync(broker, Request with { ConsumersKnown = 0 }, new CollectingSink());
        Assert.Equal((ReadStop.OthersAtWork, 3), (result.Stop, result.Depth));
    }

    [Fact]
    public async Task Consumers_follow_one_another_and_hold_no_more_than_was_ready()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 5);
            for (uint consumer = 0; consumer < 3; consumer++)
            {
                (ushort prefetch, string tag) = await peer.ConsumeAsync(Reading);
                Assert.Equal((consumer == 2 ? 1 : 2, $"bk-00{consumer}"), (prefetch, tag));
                for (uint i = 1; i <= prefetch; i++)
                {
                    await peer.SendAsync(Message((consumer * 2) + i));
                }
            }

            await AnswerCancelsAsync(peer, 3);
            await AnswerChannelCloseAsync(peer);
            await peer.DeclareAsync(Control, ready: 4);
            await peer.DeclareAsync(Control, ready: 5);
            await peer.CloseAsync();
        });
        CollectingSink sink = new();
        QueueReadResult result = await ReadAsync(broker, Request with { Prefetch = 2 }, sink);
        Assert.Equal(["m1", "m2", "m3", "m4", "m5"], sink.Messages.Select(message => Encoding.UTF8.GetString(message.Body)));
        Assert.Equal((5, 5, 5), (result.Depth, result.Delivered, result.ReadyAfter));
        Assert.Equal((QueueReleaseMethod.ChannelClose, ReadStop.DepthReached, true), (result.Released, result.Stop, result.AllReturned));
        Assert.Null(result.HighestDeliveryCount);
    }

    [Fact]
    public async Task A_nack_comes_after_the_last_cancel_and_the_channel_stays_until_the_messages_are_back()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 2);
            await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1), Message(2));
            await AnswerCancelsAsync(peer, 1);
            await ExpectNackAsync(peer, 2);
            await peer.DeclareAsync(Control, ready: 0);
            await peer.DeclareAsync(Control, ready: 2);
            await AnswerChannelCloseAsync(peer);
            await peer.CloseAsync();
        });
        QueueReadResult result = await ReadAsync(broker, Request with { Release = QueueReleaseMethod.Nack }, new CollectingSink());
        Assert.Equal(QueueReleaseMethod.Nack, result.Released);
    }

    [Fact]
    public async Task A_delivery_count_on_a_queue_that_is_not_quorum_means_nothing()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 1);
            await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1, deliveryCount: 7));
            await EndAsync(peer, consumers: 1, ready: 1);
        });
        Assert.Null((await ReadAsync(broker, Request, new CollectingSink())).HighestDeliveryCount);
    }

    [Fact]
    public async Task When_consumers_took_the_rest_the_read_ends_once_nothing_is_ready()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 3);
            await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1));
            await peer.DeclareAsync(Control, ready: 0);
            await peer.SendAsync(Message(2));
            await peer.DeclareAsync(Control, ready: 0);
            await peer.DeclareAsync(Control, ready: 0);
            await EndAsync(peer, consumers: 1, ready: 2);
        });
        CollectingSink sink = new();
        QueueReadResult result = await ReadAsync(broker, Request, sink);
        Assert.Equal((ReadStop.Drained, 3, 2, true), (result.Stop, result.Depth, result.Delivered, result.AllReturned));
    }

    [Fact]
    public async Task When_messages_are_ready_but_none_comes_the_read_is_stalled()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 3);
            await peer.ConsumeAsync(Reading);
            for (int i = 0; i < 3; i++)
            {
                await peer.DeclareAsync(Control, ready: 3, consumers: 2);
            }

            await EndAsync(peer, consumers: 1, ready: 3);
        });
        QueueReadResult result = await ReadAsync(broker, Request, new CollectingSink());
        Assert.Equal((ReadStop.Stalled, 0, null), (result.Stop, result.Delivered, result.Released));
    }

    [Fact]
    public async Task What_does_not_come_back_is_told()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 2);
            await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1), Message(2));
            await AnswerCancelsAsync(peer, 1);
            await AnswerChannelCloseAsync(peer);
            try
            {
                while (true)
                {
                    await peer.DeclareAsync(Control, ready: 1, consumers: 4);
                }
            }
            catch (EqualException)
            {
                await peer.SendAsync(Wire.Method(0, 10, 51));
            }
        });
        QueueReadResult result = await ReadAsync(broker, Request, new CollectingSink());
        Assert.Equal((false, 1, 4), (result.AllReturned, result.ReadyAfter, result.ConsumersAfter));
    }

    [Fact]
    public async Task A_broker_that_blocks_the_connection_ends_the_read_and_everything_goes_back()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 3);
            await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1), Wire.Method(0, 10, 60, Wire.Short("low on memory")));
            await EndAsync(peer, consumers: 1, ready: 3);
        });
        QueueReadResult result = await ReadAsync(broker, Request, new CollectingSink());
        Assert.Equal((ReadStop.BrokerInAlarm, 1, "low on memory"), (result.Stop, result.Delivered, result.StopReason));
    }

    [Fact]
    public async Task A_signal_ends_the_read_and_everything_goes_back()
    {
        using ReadStopSignal signal = new();
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 3);
            await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1));
            signal.Raise("Node a has its disk alarm on.");
            await EndAsync(peer, consumers: 1, ready: 3);
        });
        QueueReadResult result = await ReadAsync(broker, Request with { StopSignal = signal, IdleTimeout = TimeSpan.FromMinutes(1) }, new CollectingSink());
        Assert.Equal((ReadStop.BrokerInAlarm, "Node a has its disk alarm on."), (result.Stop, result.StopReason));
    }

    [Fact]
    public async Task A_queue_whose_first_message_is_at_the_mark_is_not_touched_further()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 3);
            Assert.Equal(1, (await peer.ConsumeAsync(Reading)).Prefetch);
            await peer.SendAsync(Message(1, deliveryCount: 16, redelivered: true));
            await peer.DeclareAsync(Control, ready: 2, consumers: 1);
            await EndAsync(peer, consumers: 1, ready: 3);
        });
        QueueReadResult result = await ReadAsync(broker, Request with { IsQuorum = true, StopAtDeliveryCount = 16, DeliveryLimit = 20 }, new CollectingSink());
        Assert.Equal((ReadStop.DeliveryLimit, 1, 16, false), (result.Stop, result.Delivered, result.HighestDeliveryCount, result.OrderKept));
    }

    [Fact]
    public async Task A_limit_ends_the_read_with_only_so_many_held()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 100);
            Assert.Equal(2, (await peer.ConsumeAsync(Reading)).Prefetch);
            await peer.SendAsync(Message(1), Message(2));
            await EndAsync(peer, consumers: 1, ready: 100);
        });
        QueueReadResult result = await ReadAsync(broker, Request with { MaxMessages = 2 }, new CollectingSink());
        Assert.Equal((ReadStop.LimitReached, 100, 2), (result.Stop, result.Depth, result.Delivered));
    }

    [Fact]
    public async Task A_consumer_cancelled_by_the_broker_ends_the_read_and_the_rest_is_given_back()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 3);
            (_, string tag) = await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1), Wire.Method(Reading, 60, 30, Wire.Short(tag), [1]));
            await EndAsync(peer, consumers: 1, ready: 3);
        });
        QueueReadResult result = await ReadAsync(broker, Request, new CollectingSink());
        Assert.Equal((ReadStop.ConsumerCancelled, 1), (result.Stop, result.Delivered));
    }

    [Fact]
    public async Task A_queue_deleted_while_it_is_read_is_not_found()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 3);
            (_, string tag) = await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1), Wire.Method(Reading, 60, 30, Wire.Short(tag), [1]));
            await AnswerCancelsAsync(peer, 1);
            await AnswerChannelCloseAsync(peer);
            await peer.ExpectAsync(MethodId.QueueDeclare);
            await peer.SendAsync(Wire.Close(Control, 404, "NOT_FOUND - no queue 'q' in vhost '/'", 50, 10));
            await peer.ExpectAsync(MethodId.ChannelCloseOk);
            await peer.CloseAsync();
        });
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => ReadAsync(broker, Request, new CollectingSink()));
        Assert.Equal((ErrorCode.QueueNotFound, "//q"), (error.Code, error.Target));
    }

    [Fact]
    public async Task A_channel_closed_in_the_middle_is_an_error_and_the_connection_is_closed_in_order()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 3);
            await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1), Wire.Close(Reading, 406, "PRECONDITION_FAILED - delivery acknowledgement on channel 2 timed out", 0, 0));
            await peer.ExpectAsync(MethodId.ChannelCloseOk);
            await peer.CloseAsync();
        });
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => ReadAsync(broker, Request, new CollectingSink()));
        Assert.Equal(ErrorCode.BrokerConnectionLost, error.Code);
        Assert.Contains("acknowledgement", error.Message);
    }

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

    [Fact]
    public async Task A_connection_that_dies_is_a_transient_error()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 4);
            await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1));
        });
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => ReadAsync(broker, Request, new CollectingSink()));
        Assert.Equal((ErrorCode.BrokerConnectionLost, true), (error.Code, error.IsTransient));
    }

    [Fact]
    public async Task An_answer_behind_messages_that_a_slow_sink_holds_up_is_waited_for()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 2);
            await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1));
            await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(2));
            await EndAsync(peer, consumers: 2, ready: 2);
        });
        CollectingSink sink = null!;
        int pauses = 0;
        sink = new() { OnPause = token => sink.Messages.Count == 1 && pauses++ == 0 ? new ValueTask(Task.Delay(1000, token)) : ValueTask.CompletedTask };
        QueueReader reader = new(broker.Options with { RequestTimeout = TimeSpan.FromMilliseconds(300) }, TimeProvider.System);
        QueueReadResult result = await reader.ReadAsync(Request with { Prefetch = 1 }, sink, Cancellation);
        Assert.Equal(2, result.Delivered);
        Assert.NotEqual(0, pauses);
    }

    [Theory]
    [InlineData(403, ErrorCode.BrokerAccessRefused)]
    [InlineData(406, ErrorCode.QueueInUse)]
    public async Task A_refused_consumer_is_told_apart_by_a_consumer_that_can_not_be(ushort probeAnswer, ErrorCode expected)
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 2);
            await peer.ExpectAsync(MethodId.BasicQos);
            await peer.SendAsync(Wire.Method(Reading, 60, 11));
            await peer.ExpectAsync(MethodId.BasicConsume);
            await peer.SendAsync(Wire.Close(Reading, 403, "ACCESS_REFUSED", 60, 20));
            await peer.ExpectAsync(MethodId.ChannelCloseOk);
            await peer.OpenChannelAsync(Reading);
            await peer.ExpectAsync(MethodId.BasicQos);
            await peer.SendAsync(Wire.Method(Reading, 60, 11));
            string probe = Encoding.UTF8.GetString(await peer.ExpectAsync(MethodId.BasicConsume));
            Assert.Contains("x-priority", probe);
            await peer.SendAsync(Wire.Close(Reading, probeAnswer, "…", 60, 20));
            await peer.ExpectAsync(MethodId.ChannelCloseOk);
            await peer.CloseAsync();
        });
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => ReadAsync(broker, Request, new CollectingSink()));
        Assert.Equal(expected, error.Code);
    }

    [Fact]
    public async Task Fetching_asks_for_exactly_what_was_ready_and_releases_by_channel_close()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 100);
            for (ulong i = 1; i <= 100; i++)
            {
                await peer.ExpectAsync(MethodId.BasicGet);
                await peer.SendAsync(GetOk(i));
            }

            await AnswerChannelCloseAsync(peer);
            await peer.DeclareAsync(Control, ready: 100);
            await peer.CloseAsync();
        });
        CollectingSink sink = new();
        QueueReadResult result = await ReadAsync(broker, Request with { Method = QueueReadMethod.Get, Release = QueueReleaseMethod.Nack }, sink);
        Assert.Equal((100, QueueReleaseMethod.ChannelClose, ReadStop.DepthReached), (result.Delivered, result.Released, result.Stop));
        Assert.Equal(Enumerable.Range(1, 100).Select(i => $"m{i}"), sink.Messages.Select(message => Encoding.UTF8.GetString(message.Body)));
    }

    [Fact]
    public async Task Fetching_ends_when_a_get_comes_back_empty()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 5);
            for (ulong i = 1; i <= 5; i++)
            {
                await peer.ExpectAsync(MethodId.BasicGet);
                await peer.SendAsync(i <= 3 ? GetOk(i) : Wire.Method(Reading, 60, 72, Wire.Short("")));
            }

            await AnswerChannelCloseAsync(peer);
            await peer.DeclareAsync(Control, ready: 3);
            await peer.CloseAsync();
        });
        QueueReadResult result = await ReadAsync(broker, Request with { Method = QueueReadMethod.Get }, new CollectingSink());
        Assert.Equal((3, ReadStop.Drained), (result.Delivered, result.Stop));
    }

    private static Task<QueueReadResult> ReadAsync(ScriptedBroker broker, QueueReadRequest request, IDeliverySink sink) =>
        new QueueReader(broker.Options, TimeProvider.System).ReadAsync(request, sink, Cancellation);

    private static async Task BeginAsync(ScriptedPeer peer, uint ready)
    {
        await peer.OpenAsync();
        await peer.OpenChannelAsync(Control);
        await peer.DeclareAsync(Control, ready);
        await peer.OpenChannelAsync(Reading);
    }

    private static async Task EndAsync(ScriptedPeer peer, int consumers, uint ready)
    {
        await AnswerCancelsAsync(peer, consumers);
        await AnswerChannelCloseAsync(peer);
        await peer.DeclareAsync(Control, ready);
        await peer.CloseAsync();
    }

    private static async Task AnswerCancelsAsync(ScriptedPeer peer, int consumers)
    {
        for (int i = 0; i < consumers; i++)
        {
            await peer.ExpectAsync(MethodId.BasicCancel);
            await peer.SendAsync(Wire.Method(Reading, 60, 31, Wire.Short($"bk-{i:000}")));
        }
    }

    private static async Task AnswerChannelCloseAsync(ScriptedPeer peer)
    {
        await peer.ExpectAsync(MethodId.ChannelClose);
        await peer.SendAsync(Wire.Method(Reading, 20, 41));
    }

    private static async Task ExpectNackAsync(ScriptedPeer peer, ulong upTo)
    {
        byte[] nack = await peer.ExpectAsync(MethodId.BasicNack);
        Assert.Equal([.. Wire.U64(upTo), 0b11], nack);
    }

    private static byte[] Message(ulong tag, byte? deliveryCount = null, bool redelivered = false)
    {
        byte[] table = deliveryCount is { } count ? [.. Wire.Short("x-delivery-count"), (byte)'B', count] : [];
        byte[]? properties = deliveryCount is null ? null : [0b0010_0000, 0, .. Wire.U32((uint)table.Length), .. table];
        return Wire.Deliver(Reading, "bk-000", tag, "q", Encoding.UTF8.GetBytes($"m{tag}"), properties, redelivered);
    }

    private static byte[] GetOk(ulong tag)
    {
        byte[] body = Encoding.UTF8.GetBytes($"m{tag}");
        return [.. Wire.Method(Reading, 60, 71, Wire.U64(tag), [0], Wire.Short(""), Wire.Short("q"), Wire.U32(0)), .. Wire.Header(Reading, (ulong)body.Length), .. Wire.Body(Reading, body)];
    }
}
