using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Amqp;
using RabbitMqBackup.Engine.Tests.Broker.Amqp;
using Xunit;
using static RabbitMqBackup.Engine.Tests.Broker.QueueReadScript;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>A read neither waits for nor goes on to what came after its start, however busy others are at the queue, against a scripted broker.</summary>
public sealed class QueueReadBesideConsumersTests
{
    [Fact]
    public async Task When_consumers_took_the_rest_the_read_ends_once_what_was_sent_has_come()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 3);
            await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1));
            await peer.DeclareAsync(Control, ready: 0);
            await peer.ExpectAsync(MethodId.BasicQos);
            await peer.SendAsync(Message(2), QosOk);
            await EndAsync(peer, consumers: 1, ready: 2);
        });

        QueueReadResult result = await ReadAsync(broker, Request, new CollectingSink());

        Assert.Equal((ReadStop.Drained, 3, 2, true), (result.Stop, result.Depth, result.Delivered, result.AllReturned));
    }

    [Fact]
    public async Task A_question_that_is_still_open_when_the_read_ends_is_not_put_to_a_channel_that_is_being_closed()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 2);
            await peer.ConsumeAsync(Reading);
            await peer.DeclareAsync(Control, ready: 0, consumers: 1);
            await peer.SendAsync(Message(1));
            await peer.DeclareAsync(Control, ready: 0, consumers: 1);
            await peer.SendAsync(Message(2));
            await AnswerCancelsAsync(peer, 1);
            await peer.ExpectAsync(MethodId.ChannelClose);
            await Task.Delay(Quorum.IdleTimeout * 2, Cancellation);
            await peer.SendAsync(Wire.Method(Reading, 20, 41));
            await peer.DeclareAsync(Control, ready: 2);
            await peer.CloseAsync();
        });

        QueueReadResult result = await ReadAsync(broker, Quorum, new CollectingSink());

        Assert.Equal((ReadStop.DepthReached, 2, true), (result.Stop, result.Delivered, result.AllReturned));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Once_consumers_took_the_rest_a_read_ends_though_a_new_message_comes_now_and_then(bool isQuorum)
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 150);
            await peer.ConsumeAsync(Reading);
            if (isQuorum)
            {
                await peer.DeclareAsync(Control, ready: 0, consumers: 2);
            }

            using CancellationTokenSource enough = new();
            Task trickle = Task.Run(async () =>
            {
                for (ulong tag = 1; tag <= 150 && !enough.IsCancellationRequested; tag++)
                {
                    await peer.SendAsync(Message(tag));
                    await Task.Delay(100, Cancellation);
                }
            });
            await peer.DeclareAsync(Control, ready: 0, consumers: 2);
            await peer.ExpectAsync(MethodId.BasicQos);
            await enough.CancelAsync();
            await trickle;
            await peer.SendAsync(QosOk);
            await EndAsync(peer, consumers: 1, ready: 150);
        });

        QueueReadResult result = await ReadAsync(broker, Request with { IsQuorum = isQuorum }, new CollectingSink());

        Assert.Equal((ReadStop.Drained, 150), (result.Stop, result.Depth));
        Assert.InRange(result.Delivered, 1, 149);
    }

    [Fact]
    public async Task For_a_message_that_overtook_others_one_more_is_read_however_many_came_meanwhile()
    {
        ushort further = 0;
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 4);
            await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(1), Message(2), Message(3, redelivered: true), Message(4));
            await peer.DeclareAsync(Control, ready: 1000, consumers: 2);
            (further, _) = await peer.ConsumeAsync(Reading);
            await peer.SendAsync(Message(5));
            await EndAsync(peer, consumers: 2, ready: 1004);
        });

        QueueReadResult result = await ReadAsync(broker, Request with { MayComeBack = true }, new CollectingSink());

        Assert.Equal((1, ReadStop.DepthReached, 5), ((int)further, result.Stop, result.Delivered));
    }

    private static byte[] QosOk => Wire.Method(Reading, 60, 11);
}
