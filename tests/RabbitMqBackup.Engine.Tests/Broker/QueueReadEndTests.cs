using System.Text;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Amqp;
using RabbitMqBackup.Engine.Tests.Broker.Amqp;
using Xunit;
using Xunit.Sdk;
using static RabbitMqBackup.Engine.Tests.Broker.QueueReadScript;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>What ends a read before it has all, against a scripted broker.</summary>
public sealed class QueueReadEndTests
{
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
            await EndAsync(peer, consumers: 1, ready: 1, isPart: true);
        });
        QueueReadResult result = await ReadAsync(broker, Request with { ConsumersKnown = 0 }, new CollectingSink());
        Assert.Equal((ReadStop.OthersAtWork, 3), (result.Stop, result.Depth));
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

            await EndAsync(peer, consumers: 1, ready: 3, isPart: true);
        });
        QueueReadResult result = await ReadAsync(broker, Request, new CollectingSink());
        Assert.Equal((ReadStop.Stalled, 0, null), (result.Stop, result.Delivered, result.Released));
    }

    [Fact]
    public async Task A_read_that_gets_nothing_while_others_come_and_take_is_stalled_as_well()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 3);
            await peer.ConsumeAsync(Reading);
            for (uint i = 0; i < 15; i++)
            {
                await peer.DeclareAsync(Control, ready: 3 + (i % 2), consumers: 2);
            }

            await EndAsync(peer, consumers: 1, ready: 3, isPart: true);
        });
        QueueReadResult result = await ReadAsync(broker, Request with { IdleTimeout = TimeSpan.FromMilliseconds(50) }, new CollectingSink());
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
    public async Task What_does_not_come_back_of_a_part_is_told()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 100);
            await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1), Message(2));
            await AnswerCancelsAsync(peer, 1);
            await peer.DeclareAsync(Control, ready: 98);
            await AnswerChannelCloseAsync(peer);
            try
            {
                while (true)
                {
                    await peer.DeclareAsync(Control, ready: 98);
                }
            }
            catch (EqualException)
            {
                await peer.SendAsync(Wire.Method(0, 10, 51));
            }
        });
        QueueReadResult result = await ReadAsync(broker, Request with { MaxMessages = 2, ReleaseTimeout = TimeSpan.FromMilliseconds(300) }, new CollectingSink());
        Assert.Equal((false, 98), (result.AllReturned, result.ReadyAfter));
    }

    [Fact]
    public async Task A_repeated_read_waits_for_what_comes_back_and_not_until_consumers_have_worked_it_off()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await peer.OpenAsync();
            await peer.OpenChannelAsync(Control);
            await peer.DeclareAsync(Control, ready: 1000, consumers: 1);
            await peer.DeclareAsync(Control, ready: 5000, consumers: 1);
            try
            {
                for (uint taken = 1; ; taken++)
                {
                    await peer.DeclareAsync(Control, ready: 5000 - taken, consumers: 1);
                }
            }
            catch (EqualException)
            {
                await peer.SendAsync(Wire.Method(Reading, 20, 11, Wire.U32(0)));
            }

            await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1));
            await EndAsync(peer, consumers: 1, ready: 4000, isPart: true);
        });
        QueueReadResult result = await ReadAsync(broker, Request with { ExpectedDepth = 6000, MaxMessages = 1 }, new CollectingSink());
        Assert.InRange(result.Depth, 4500, 4999);
    }

    [Fact]
    public async Task What_the_broker_still_holds_for_the_last_reader_is_waited_for()
    {
        int asked = 0;
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await peer.OpenAsync();
            await peer.OpenChannelAsync(Control);
            while (Volatile.Read(ref asked) < 3)
            {
                await peer.DeclareAsync(Control, ready: 1);
            }

            await peer.DeclareAsync(Control, ready: 2);
            await peer.OpenChannelAsync(Reading);
            await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1), Message(2));
            await EndAsync(peer, consumers: 1, ready: 2);
        });
        QueueReadRequest request = Request with
        {
            ExpectedDepth = 2,
            IsHeld = (quiet, _) =>
            {
                Assert.True(quiet >= Request.IdleTimeout);
                Interlocked.Increment(ref asked);
                return Task.FromResult(true);
            },
        };
        QueueReadResult result = await ReadAsync(broker, request, new CollectingSink());
        Assert.Equal((2, 2), (result.Depth, result.Delivered));
    }

    [Fact]
    public async Task A_broker_that_blocks_the_connection_ends_the_read_and_everything_goes_back()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 3);
            await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1), Wire.Method(0, 10, 60, Wire.Short("low on memory")));
            await EndAsync(peer, consumers: 1, ready: 3, isPart: true);
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
            await EndAsync(peer, consumers: 1, ready: 3, isPart: true);
        });
        QueueReadResult result = await ReadAsync(broker, Request with { StopSignal = signal, IdleTimeout = TimeSpan.FromMinutes(1) }, new CollectingSink());
        Assert.Equal((ReadStop.BrokerInAlarm, "Node a has its disk alarm on."), (result.Stop, result.StopReason));
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
}
