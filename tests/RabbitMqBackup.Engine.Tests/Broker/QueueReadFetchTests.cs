using System.Text;
using RabbitMqBackup.Engine.Backup;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Amqp;
using RabbitMqBackup.Engine.Tests.Broker.Amqp;
using Xunit;
using static RabbitMqBackup.Engine.Tests.Broker.QueueReadScript;

namespace RabbitMqBackup.Engine.Tests.Broker;

/// <summary>Reads that fetch message by message, against a scripted broker.</summary>
public sealed class QueueReadFetchTests
{
    [Fact]
    public async Task Fetching_asks_for_exactly_what_was_ready_and_releases_by_channel_close()
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 100);
            await AnswerGetsAsync(peer, 100);

            await peer.DeclareAsync(Control, ready: 0);
            await AnswerChannelCloseAsync(peer);
            await peer.DeclareAsync(Control, ready: 100);
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

            await peer.DeclareAsync(Control, ready: 0);
            await AnswerChannelCloseAsync(peer);
            await peer.DeclareAsync(Control, ready: 3);
            await peer.DeclareAsync(Control, ready: 3);
            await peer.CloseAsync();
        });
        QueueReadResult result = await ReadAsync(broker, Request with { Method = QueueReadMethod.Get }, new CollectingSink());
        Assert.Equal((3, ReadStop.Drained), (result.Delivered, result.Stop));
    }

    [Theory]
    [InlineData(43, 2, false)]
    [InlineData(45, 0, true)]
    public async Task What_has_not_come_back_in_a_second_is_missing_and_what_comes_a_moment_later_is_not(uint later, int missing, bool allReturned)
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 5);
            await AnswerGetsAsync(peer, 5);

            await peer.DeclareAsync(Control, ready: 40);
            await AnswerChannelCloseAsync(peer);
            await peer.DeclareAsync(Control, ready: 43);
            await AnswerDeclaresAsync(peer, later);
        });
        QueueReadResult result = await ReadAsync(broker, Request with { Method = QueueReadMethod.Get }, new CollectingSink());
        Assert.Equal((5, missing, allReturned), (result.Delivered, (int)result.Missing, result.AllReturned));
    }

    /// <summary>Who fetches one by one, without a consumer, is seen by what becomes fewer.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_queue_that_others_fetch_from_is_not_taken_for_another_one_of_its_name(bool isFetchedFrom)
    {
        await using ScriptedBroker broker = ScriptedBroker.Start(async peer =>
        {
            await BeginAsync(peer, ready: 5);
            await AnswerGetsAsync(peer, 5);

            await peer.DeclareAsync(Control, ready: 40);
            await AnswerChannelCloseAsync(peer);
            await peer.DeclareAsync(Control, ready: 44);
            await AnswerDeclaresAsync(peer, isFetchedFrom ? 43u : 44u);
        });
        QueueReadResult result = await ReadAsync(broker, Request with { Method = QueueReadMethod.Get }, new CollectingSink());
        Assert.True(result.Missing > 0);
        Assert.Equal(isFetchedFrom, ReadAccount.Replaced(result) is null);
    }

    private static async Task AnswerGetsAsync(ScriptedPeer peer, ulong count)
    {
        for (ulong i = 1; i <= count; i++)
        {
            await peer.ExpectAsync(MethodId.BasicGet);
            await peer.SendAsync(GetOk(i));
        }
    }

    /// <summary>However often it is asked, until the connection is closed.</summary>
    private static async Task AnswerDeclaresAsync(ScriptedPeer peer, uint ready)
    {
        while ((MethodId)new AmqpReader((await peer.ReadFrameAsync()).Payload).ReadUInt32() == MethodId.QueueDeclare)
        {
            await peer.SendAsync(Wire.Method(Control, 50, 11, Wire.Short("q"), Wire.U32(ready), Wire.U32(0)));
        }

        await peer.SendAsync(Wire.Method(0, 10, 51));
    }
}
