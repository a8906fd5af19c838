using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Amqp;
using RabbitMqBackup.Engine.Tests.Broker.Amqp;
using Xunit;
using static RabbitMqBackup.Engine.Tests.Broker.QueueReadScript;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>What the nodes of a cluster that lose sight of each other do to a read, against a scripted broker.</summary>
public sealed class QueueReadClusterTests
{
    /// <summary>A leader that sees the reader's node again gives it once more what it had taken back: two of three messages had come then.</summary>
    [Fact]
    public async Task More_messages_than_the_consumer_may_hold_came_twice_and_the_read_does_not_count_as_whole()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 3);
            await peer.ConsumeAsync(Reading);
            await peer.DeclareAsync(Control, ready: 0, consumers: 1);
            await peer.SendAsync([.. Message(1), .. Message(2), .. Message(3, deliveryCount: 1, redelivered: true), .. Message(4, deliveryCount: 1, redelivered: true), .. Message(5)]);
            await EndAsync(peer, consumers: 1, ready: 5);
        });

        QueueReadResult result = await ReadAsync(broker, Quorum, new CollectingSink());

        Assert.Equal((ReadStop.CameTwice, 5), (result.Stop, result.Delivered));
    }

    /// <summary>As many have come as are in the queue, one of them twice, and the last is on its way when the read ends.</summary>
    [Fact]
    public async Task What_came_twice_is_seen_also_where_it_comes_before_the_answer_to_the_cancel()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 3);
            await peer.ConsumeAsync(Reading);
            await peer.DeclareAsync(Control, ready: 0, consumers: 1);
            await peer.SendAsync([.. Message(1), .. Message(2, deliveryCount: 1, redelivered: true), .. Message(3)]);
            await peer.ExpectAsync(MethodId.BasicCancel);
            await peer.SendAsync(Message(4), Wire.Method(Reading, 60, 31, Wire.Short("bk-000")));
            await AnswerChannelCloseAsync(peer);
            await peer.DeclareAsync(Control, ready: 4);
            await peer.CloseAsync();
        });

        QueueReadResult result = await ReadAsync(broker, Quorum, new CollectingSink());

        Assert.Equal((ReadStop.CameTwice, 4), (result.Stop, result.Delivered));
    }

    [Fact]
    public async Task A_queue_whose_node_is_out_of_reach_is_not_called_deleted()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await peer.OpenAsync();
            await peer.OpenChannelAsync(Control);
            await peer.ExpectAsync(MethodId.QueueDeclare);
            await peer.SendAsync(Wire.Close(Control, 404, "NOT_FOUND - home node 'rabbit@two' of durable queue 'q' in vhost '/' is down or inaccessible", 50, 10));
            await peer.ExpectAsync(MethodId.ChannelCloseOk);
            await peer.CloseAsync();
        });

        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => ReadAsync(broker, Request, new CollectingSink()));

        Assert.Equal((ErrorCode.QueueUnavailable, "//q"), (error.Code, error.Target));
        Assert.Contains("rabbit@two", error.Message, StringComparison.Ordinal);
        Assert.Contains("node is up", error.Hint, StringComparison.Ordinal);
    }
}
