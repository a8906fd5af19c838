using RabbitMqBackup.Engine.Broker.Streams;
using Xunit;
using static RabbitMqBackup.Engine.Tests.Broker.Streams.FrameAssemblerTests;

namespace RabbitMqBackup.Engine.Tests.Broker.Streams;

/// <summary>Leaders that were just elected, which have everything and call nothing of it committed until their replicas are there.</summary>
public sealed class StreamExtentTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_new_leader_is_waited_for_until_all_that_it_has_is_committed()
    {
        await using ScriptedStreamServer server = new(async peer =>
        {
            await peer.AnswerStatsAsync(0, -1, last: 500);
            await peer.AnswerStatsAsync(0, 200, last: 500);

            // A publisher goes on meanwhile.
            await peer.AnswerStatsAsync(0, 500, last: 700);
        });
        await using StreamConnection connection = await server.ConnectAsync();

        Assert.Equal(new StreamExtent(500, false), await StreamExtent.FindAsync(connection, "s", StreamStart.First, Cancelled));
    }

    [Fact]
    public async Task What_the_next_leader_never_had_is_not_waited_for()
    {
        await using ScriptedStreamServer server = new(async peer =>
        {
            await peer.AnswerStatsAsync(0, 200, last: 500);
            await peer.AnswerStatsAsync(0, 300, last: 300);
        });
        await using StreamConnection connection = await server.ConnectAsync();

        Assert.Equal(new StreamExtent(300, false), await StreamExtent.FindAsync(connection, "s", StreamStart.First, Cancelled));
    }

    [Fact]
    public async Task Of_a_stream_whose_end_stays_uncommitted_the_rest_is_read_and_the_end_is_told()
    {
        await using ScriptedStreamServer server = new(async peer =>
        {
            await peer.AnswerAsync(StreamCommand.Subscribe, _ => { });
            await peer.SendAsync(Deliver(1, 0, [1], records: 10));
            await peer.SendAsync(Deliver(1, 10, [2], records: 10));
            await peer.AnswerAsync(StreamCommand.Unsubscribe, _ => { });
        });
        await using StreamConnection connection = await server.ConnectAsync();
        StreamExtent extent = new(10, false) { UncommittedChunk = 500 };
        ChunkReader reader = new(connection, "s", new StreamReadOptions { Extent = extent }, new CollectingSink());

        RabbitBackupException e = await Assert.ThrowsAsync<RabbitBackupException>(() => reader.RunAsync(Cancelled));

        Assert.Equal((ErrorCode.QueueUnavailable, 20L, 500UL), (e.Code, reader.Progress.Messages, reader.EndChunk));
        Assert.Contains("ends with the chunk at 10", e.Message);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(10)]
    public async Task What_stays_uncommitted_is_not_taken_for_the_end_of_the_stream(long committed)
    {
        await using ScriptedStreamServer server = new(async peer =>
        {
            while (true)
            {
                await peer.AnswerStatsAsync(0, committed, last: 500);
            }
        });
        await using StreamConnection connection = await server.ConnectAsync();
        Task<StreamExtent> finding = StreamExtent.FindAsync(connection, "s", StreamStart.First, Cancelled);
        if (committed >= 0)
        {
            Assert.Equal(new StreamExtent(10, false) { UncommittedChunk = 500 }, await finding);
            return;
        }

        RabbitBackupException e = await Assert.ThrowsAsync<RabbitBackupException>(() => finding);
        Assert.Equal((ErrorCode.QueueUnavailable, true), (e.Code, e.IsTransient));
    }
}
