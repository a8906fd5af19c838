using System.Text;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Amqp;
using RabbitMqBackup.Engine.Tests.Broker.Amqp;
using Xunit;
using static RabbitMqBackup.Engine.Tests.Broker.QueueReadScript;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>What a broker lets a connection and a channel have, and how much it is asked to send at once, against a scripted broker.</summary>
public sealed class QueueReadLimitsTests
{
    [Fact]
    public async Task A_connection_that_may_have_one_channel_reads_nothing_and_says_so()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await peer.OpenAsync(channelMax: 1);
            await peer.CloseAsync();
        });
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => ReadAsync(broker, Request, new CollectingSink()));
        Assert.Equal((ErrorCode.BrokerAccessRefused, Request.Queue.ToString()), (error.Code, error.Target));
        Assert.Contains("channel_max", error.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_more_channels_are_opened_than_there_may_be()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await peer.OpenAsync(channelMax: 2);
            await peer.OpenChannelAsync(Control);
            await peer.DeclareAsync(Control, ready: 200_000);
            await peer.OpenChannelAsync(Reading);
            for (int i = 0; i < 2; i++)
            {
                // As many as two consumers can hold.
                Assert.Equal(ushort.MaxValue, (await peer.ConsumeAsync(Reading)).Prefetch);
                await peer.SendAsync([.. Enumerable.Range(1, ushort.MaxValue).Select(number => Message((ulong)((i * ushort.MaxValue) + number)))]);
            }

            await EndAsync(peer, consumers: 2, ready: 200_000, isPart: true);
        });
        QueueReadResult result = await ReadAsync(broker, Request with { MaxConsumers = 2, IdleTimeout = TimeSpan.FromSeconds(30) }, new CollectingSink());
        Assert.Equal((2 * ushort.MaxValue, ReadStop.CapacityReached), (result.Delivered, result.Stop));
    }

    [Fact]
    public async Task The_next_channel_is_given_back_only_when_a_broker_that_needs_its_time_has_taken_the_one_before_back()
    {
        const ushort Second = 3;
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 2 * ushort.MaxValue);
            foreach (ushort channel in (ushort[])[Reading, Second])
            {
                if (channel == Second)
                {
                    await peer.OpenChannelAsync(Second);
                }

                await peer.ConsumeAsync(channel);
                await peer.SendAsync([.. Enumerable.Range(1, ushort.MaxValue).Select(number => Wire.Deliver(channel, "bk-000", (ulong)number, "q", [1]))]);
            }

            foreach (ushort channel in (ushort[])[Reading, Second])
            {
                await peer.ExpectAsync(MethodId.BasicCancel);
                await peer.SendAsync(Wire.Method(channel, 60, 31, Wire.Short("bk-000")));
            }

            await peer.DeclareAsync(Control, ready: 0);
            await ExpectNackAsync(peer, ushort.MaxValue);
            for (DateTime late = DateTime.UtcNow.AddSeconds(2); DateTime.UtcNow < late;)
            {
                await peer.DeclareAsync(Control, ready: 0);
            }

            await peer.DeclareAsync(Control, ready: ushort.MaxValue);
            await ExpectNackAsync(peer, ushort.MaxValue);
            await peer.DeclareAsync(Control, ready: 2 * ushort.MaxValue);
            foreach (ushort channel in (ushort[])[Reading, Second])
            {
                await peer.ExpectAsync(MethodId.ChannelClose);
                await peer.SendAsync(Wire.Method(channel, 20, 41));
            }

            await peer.CloseAsync();
        });
        QueueReadRequest request = Request with { MaxConsumers = 1, MaxChannels = 2, Release = QueueReleaseMethod.Nack, IdleTimeout = TimeSpan.FromSeconds(30), ReleaseTimeout = TimeSpan.FromMilliseconds(300) };

        QueueReadResult result = await ReadAsync(broker, request, new CollectingSink());

        Assert.Equal((2 * ushort.MaxValue, true), (result.Delivered, result.AllReturned));
    }

    /// <summary>The first channel's are back at once, and the second's single one has gone to a consumer: that is not waited for as all of them would be.</summary>
    [Fact]
    public async Task How_long_a_channels_messages_are_waited_for_goes_by_these_and_not_by_all_that_is_held()
    {
        const ushort Second = 3;
        int asked = 0;
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: ushort.MaxValue + 1);
            foreach ((ushort channel, int count) in ((ushort, int)[])[(Reading, ushort.MaxValue), (Second, 1)])
            {
                if (channel == Second)
                {
                    await peer.OpenChannelAsync(Second);
                }

                await peer.ConsumeAsync(channel);
                await peer.SendAsync([.. Enumerable.Range(1, count).Select(number => Wire.Deliver(channel, "bk-000", (ulong)number, "q", [1]))]);
            }

            foreach (ushort channel in (ushort[])[Reading, Second])
            {
                await peer.ExpectAsync(MethodId.BasicCancel);
                await peer.SendAsync(Wire.Method(channel, 60, 31, Wire.Short("bk-000")));
            }

            await peer.DeclareAsync(Control, ready: 0);
            await AnswerChannelCloseAsync(peer);
            await peer.DeclareAsync(Control, ready: ushort.MaxValue);
            await peer.ExpectAsync(MethodId.ChannelClose);
            await peer.SendAsync(Wire.Method(Second, 20, 41));
            for (; (MethodId)new AmqpReader((await peer.ReadFrameAsync()).Payload).ReadUInt32() == MethodId.QueueDeclare; asked++)
            {
                await peer.SendAsync(Wire.Method(Control, 50, 11, Wire.Short("q"), Wire.U32(ushort.MaxValue), Wire.U32(0)));
            }

            await peer.SendAsync(Wire.Method(0, 10, 51));
        });
        QueueReadResult result = await ReadAsync(broker, Request with { MaxConsumers = 1, MaxChannels = 2, ReleaseTimeout = TimeSpan.FromMilliseconds(300), IdleTimeout = TimeSpan.FromSeconds(60) }, new CollectingSink());

        Assert.Equal((ushort.MaxValue + 1, false), (result.Delivered, result.AllReturned));
        // One each 40 ms: it would be more than a hundred in the six seconds that all of them may need.
        Assert.InRange(asked, 1, 60);
    }

    [Fact]
    public async Task The_consumer_that_is_one_too_many_tells_how_many_there_may_be()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 30);
            for (ulong i = 0; i < 2; i++)
            {
                await peer.ConsumeAsync(Reading);
                await peer.SendAsync([.. Enumerable.Range(1, 10).Select(number => Message((i * 10) + (ulong)number))]);
            }

            await peer.ExpectAsync(MethodId.BasicQos);
            await peer.SendAsync(Wire.Method(Reading, 60, 11));
            await peer.ExpectAsync(MethodId.BasicConsume);
            await peer.SendAsync(Wire.Close(0, 530, "NOT_ALLOWED - reached maximum (2) of consumers per channel", 60, 20));
            await peer.ExpectAsync(MethodId.ConnectionCloseOk);
        });
        int allowed = 0;
        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(
            () => ReadAsync(broker, Request with { Prefetch = 10, ConsumersLimited = most => allowed = most }, new CollectingSink()));
        Assert.Equal((2, true), (allowed, error.IsTransient));
        Assert.Contains("consumer_max_per_channel", error.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_next_consumer_is_sent_as_much_as_fits_by_the_sizes_that_came()
    {
        byte[] big = new byte[1000];
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 8232);
            Assert.Equal(8192, (await peer.ConsumeAsync(Reading)).Prefetch);
            await peer.SendAsync([.. Enumerable.Range(1, 8192).Select(number => Wire.Deliver(Reading, "bk-000", (ulong)number, "q", big))]);
            Assert.Equal(20, (await peer.ConsumeAsync(Reading)).Prefetch);
            await peer.SendAsync([.. Enumerable.Range(8193, 20).Select(number => Wire.Deliver(Reading, "bk-001", (ulong)number, "q", Encoding.UTF8.GetBytes("small")))]);
            Assert.Equal(20, (await peer.ConsumeAsync(Reading)).Prefetch);
            await peer.SendAsync([.. Enumerable.Range(8213, 20).Select(number => Wire.Deliver(Reading, "bk-002", (ulong)number, "q", []))]);
            await EndAsync(peer, consumers: 3, ready: 8232);
        });
        QueueReadResult result = await ReadAsync(broker, Request with { SizesUnknown = true, PrefetchBytes = 20_000, IdleTimeout = TimeSpan.FromSeconds(30) }, new CollectingSink());
        Assert.Equal((8232, ReadStop.DepthReached), (result.Delivered, result.Stop));
    }
}
