using System.Text;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Tests.Broker.Amqp;
using Xunit;
using Xunit.Sdk;
using static RabbitMqBackup.Engine.Tests.Broker.QueueReadScript;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>The order of a read's steps, against a scripted broker.</summary>
public sealed class QueueReadTests
{
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

    /// <summary>Where there can be one consumer only: what comes as quickly as before is no part of the depth.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task By_the_only_consumer_a_queue_is_read_beside_publishers_and_not_where_its_depth_was_not_known(bool isGrowing)
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 3);
            Assert.Equal(3, (await peer.ConsumeAsync(Reading)).Prefetch);
            await peer.DeclareAsync(Control, ready: 2, consumers: 1);
            await peer.SendAsync(Message(1), Message(2), Message(3));
            if (isGrowing)
            {
                await peer.DeclareAsync(Control, ready: 3, consumers: 1);
                await peer.DeclareAsync(Control, ready: 5, consumers: 1);
                await EndAsync(peer, consumers: 1, ready: 9);
                return;
            }

            try
            {
                while (true)
                {
                    await peer.DeclareAsync(Control, ready: 3, consumers: 1);
                }
            }
            catch (EqualException)
            {
                await peer.SendAsync(Wire.Method(Reading, 60, 31, Wire.Short("bk-000")));
            }

            await AnswerChannelCloseAsync(peer);
            await peer.CloseAsync();
        });
        QueueReadRequest request = Quorum with { MaxConsumers = 1, MaxChannels = 1 };
        if (isGrowing)
        {
            QueueReadResult result = await ReadAsync(broker, request, new CollectingSink());
            Assert.Equal((3, 3, ReadStop.DepthReached), (result.Depth, result.Delivered, result.Stop));
            return;
        }

        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => ReadAsync(broker, request, new CollectingSink()));
        Assert.Equal((ErrorCode.OperationTimedOut, true), (error.Code, error.IsTransient));
    }

    [Fact]
    public async Task A_leader_that_does_not_answer_is_a_transient_error_and_not_a_queue_without_messages()
    {
        TaskCompletionSource dropped = new();
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
                dropped.SetResult();
            }
        });
        QueueReader reader = new(broker.Options with { RequestTimeout = TimeSpan.FromMilliseconds(300) }, TimeProvider.System);
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => reader.ReadAsync(Quorum with { ReleaseTimeout = TimeSpan.FromMilliseconds(200) }, new CollectingSink(), Cancellation));
        Assert.Equal((ErrorCode.OperationTimedOut, true), (error.Code, error.IsTransient));
        Assert.Contains("leader", error.Message, StringComparison.Ordinal);
        await dropped.Task.WaitAsync(TimeSpan.FromSeconds(30), Cancellation);
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
    public async Task A_limit_ends_the_read_with_only_so_many_held()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 100);
            Assert.Equal(2, (await peer.ConsumeAsync(Reading)).Prefetch);
            await peer.SendAsync(Message(1), Message(2));
            await EndAsync(peer, consumers: 1, ready: 100, isPart: true);
        });
        QueueReadResult result = await ReadAsync(broker, Request with { MaxMessages = 2 }, new CollectingSink());
        Assert.Equal((ReadStop.LimitReached, 100, 2), (result.Stop, result.Depth, result.Delivered));
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
            await EndAsync(peer, consumers: 1, ready: 3, isPart: true);
        });
        QueueReadResult result = await ReadAsync(broker, Request with { IsQuorum = true, StopAtDeliveryCount = 16, DeliveryLimit = 20 }, new CollectingSink());
        Assert.Equal((ReadStop.DeliveryLimit, 1, 16, false), (result.Stop, result.Delivered, result.HighestDeliveryCount, result.OrderKept));
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
}
