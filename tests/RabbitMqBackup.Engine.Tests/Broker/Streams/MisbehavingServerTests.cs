using System.Diagnostics;
using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Messages.Chunks;
using Xunit;
using static RabbitMqBackup.Engine.Tests.Broker.Streams.FrameAssemblerTests;

namespace RabbitMqBackup.Engine.Tests.Broker.Streams;

/// <summary>Servers that break off, lie, or fall silent: clear errors in bounded time.</summary>
public sealed class MisbehavingServerTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_connection_cut_in_the_middle_of_a_chunk_is_lost_and_tells_where_to_go_on()
    {
        await using ScriptedStreamServer server = new(async peer =>
        {
            await BeginReadingAsync(peer, committed: 100);
            await peer.SendAsync(Deliver(1, 0, [1, 2, 3], records: 10));
            await peer.SendAsync(Deliver(1, 10, new byte[1000], records: 10)[..500]);
        });

        (RabbitBackupException e, StreamReadResult progress) = await FailingReadAsync(server);

        Assert.Equal((ErrorCode.BrokerConnectionLost, true), (e.Code, e.IsTransient));
        Assert.Contains("in the middle of a frame", e.Message);
        Assert.Equal((10L, 9L, 10L), (progress.NextOffset, progress.LastOffset, progress.Messages));
    }

    [Fact]
    public async Task A_chunk_with_a_wrong_CRC_is_marked_for_the_sink_and_reported_as_a_gap()
    {
        await using ScriptedStreamServer server = new(async peer =>
        {
            await BeginReadingAsync(peer, committed: 20);
            await peer.SendAsync(Deliver(1, 0, [1, 2, 3], records: 10));
            await peer.SendAsync(Deliver(1, 10, [4, 5, 6], records: 10, crc: 1));
            await peer.SendAsync(Deliver(1, 20, [7, 8, 9], records: 10));
            await peer.AnswerAsync(StreamCommand.Unsubscribe, _ => { });
        });
        await using StreamConnection connection = await server.ConnectAsync();
        CollectingSink sink = new();

        StreamReadResult result = await new ChunkReader(connection, "s", new StreamReadOptions(), sink).RunAsync(Cancelled);

        Assert.Equal([true, false, true], sink.Chunks.Select(c => c.Intact));
        Assert.Equal([new StreamGap(10, 19, StreamGapKind.Corrupt)], result.Gaps);
        Assert.Equal((20L, 2L), (result.Messages, result.Chunks));
    }

    [Fact]
    public async Task A_jump_of_the_offsets_is_a_truncation()
    {
        await using ScriptedStreamServer server = new(async peer =>
        {
            await BeginReadingAsync(peer, committed: 500);
            await peer.SendAsync(Deliver(1, 0, [1], records: 10));
            await peer.SendAsync(Deliver(1, 10, [0, 0, 0, 0], type: ChunkType.TrackingDelta));
            await peer.SendAsync(Deliver(1, 500, [2], records: 10));
            await peer.AnswerAsync(StreamCommand.Unsubscribe, _ => { });
        });
        await using StreamConnection connection = await server.ConnectAsync();

        StreamReadResult result = await new ChunkReader(connection, "s", new StreamReadOptions(), new CollectingSink()).RunAsync(Cancelled);

        Assert.Equal([new StreamGap(11, 499, StreamGapKind.Truncated)], result.Gaps);
        Assert.Equal((20L, 1L, 510L), (result.Messages, result.TrackingChunks, result.NextOffset));
    }

    [Fact]
    public async Task Offsets_that_go_back_are_an_error()
    {
        await using ScriptedStreamServer server = new(async peer =>
        {
            await BeginReadingAsync(peer, committed: 500);
            await peer.SendAsync(Deliver(1, 10, [1], records: 10));
            await peer.SendAsync(Deliver(1, 15, [1], records: 10));
            await peer.StaySilentAsync();
        });

        (RabbitBackupException e, _) = await FailingReadAsync(server);

        Assert.Contains("offset 15 came after offset 19", e.Message);
    }

    [Fact]
    public async Task The_broker_s_reason_for_closing_is_reported()
    {
        await using ScriptedStreamServer server = new(async peer =>
        {
            await BeginReadingAsync(peer, committed: 500);
            await peer.SendAsync(w =>
            {
                w.BeginRequest(StreamCommand.Close, 77);
                w.UInt16(14);
                w.String("frame too large");
                w.End();
            });
            byte[] reply = await peer.ExpectAsync((StreamCommand)((ushort)StreamCommand.Close | FrameHeader.ResponseBit));
            Assert.Equal([0, 0, 0, 77, 0, 1], reply);
        });

        (RabbitBackupException e, _) = await FailingReadAsync(server);

        Assert.Equal((ErrorCode.BrokerConnectionLost, false), (e.Code, e.IsTransient));
        Assert.Contains("code 14 (FrameTooLarge): frame too large", e.Message);
        Assert.Contains("stream.frame_max", e.Hint);
    }

    [Fact]
    public async Task A_silent_broker_is_noticed_by_its_missing_heartbeats()
    {
        await using ScriptedStreamServer server = new(async peer =>
        {
            await BeginReadingAsync(peer, committed: 500);
            await peer.StaySilentAsync();
        });
        long start = Stopwatch.GetTimestamp();

        (RabbitBackupException e, _) = await FailingReadAsync(server);

        Assert.Contains("two heartbeats", e.Message);
        Assert.InRange(Stopwatch.GetElapsedTime(start).TotalSeconds, 2, 10);
    }

    [Fact]
    public async Task A_broker_that_beats_but_sends_nothing_of_the_stream_times_out()
    {
        await using ScriptedStreamServer server = new(async peer =>
        {
            await BeginReadingAsync(peer, committed: 500);
            while (true)
            {
                await Task.Delay(300, Cancelled);
                await peer.SendAsync(StreamRequests.Heartbeat);
            }
        });
        await using StreamConnection connection = await server.ConnectAsync();
        ChunkReader reader = new(connection, "s", new StreamReadOptions { SilenceTimeout = TimeSpan.FromSeconds(2) }, new CollectingSink());

        RabbitBackupException e = await Assert.ThrowsAsync<RabbitBackupException>(() => reader.RunAsync(Cancelled).WaitAsync(TimeSpan.FromSeconds(10), Cancelled));

        Assert.Equal(ErrorCode.OperationTimedOut, e.Code);
    }

    [Fact]
    public async Task A_request_without_an_answer_times_out()
    {
        await using ScriptedStreamServer server = new(async peer =>
        {
            while (true)
            {
                await Task.Delay(300, Cancelled);
                await peer.SendAsync(StreamRequests.Heartbeat);
            }
        });
        await using StreamConnection connection = await server.ConnectAsync();

        RabbitBackupException e = await Assert.ThrowsAsync<RabbitBackupException>(() => connection.MetadataAsync("s", Cancelled));

        Assert.Equal((ErrorCode.OperationTimedOut, true), (e.Code, e.IsTransient));
    }

    [Fact]
    public async Task A_cancelled_read_ends_at_once()
    {
        await using ScriptedStreamServer server = new(async peer =>
        {
            await BeginReadingAsync(peer, committed: 500);
            await peer.StaySilentAsync();
        });
        await using StreamConnection connection = await server.ConnectAsync();
        using CancellationTokenSource soon = new(200);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => new ChunkReader(connection, "s", new StreamReadOptions(), new CollectingSink()).RunAsync(soon.Token).WaitAsync(TimeSpan.FromSeconds(2), Cancelled));
    }

    [Fact]
    public async Task An_error_of_the_sink_ends_the_reading_and_comes_out()
    {
        await using ScriptedStreamServer server = new(async peer =>
        {
            await BeginReadingAsync(peer, committed: 500);
            await peer.SendAsync(Deliver(1, 0, [1]));
            await peer.StaySilentAsync();
        });
        await using StreamConnection connection = await server.ConnectAsync();
        CollectingSink sink = new() { AfterChunk = _ => throw new InvalidOperationException("disk full") };

        InvalidOperationException e = await Assert.ThrowsAsync<InvalidOperationException>(
            () => new ChunkReader(connection, "s", new StreamReadOptions(), sink).RunAsync(Cancelled).WaitAsync(TimeSpan.FromSeconds(5), Cancelled));

        Assert.Equal("disk full", e.Message);
    }

    [Fact]
    public async Task A_slow_sink_is_no_silent_broker()
    {
        await using ScriptedStreamServer server = new(async peer =>
        {
            await BeginReadingAsync(peer, committed: 1);
            await peer.SendAsync(Deliver(1, 0, [1]));
            await Task.Delay(4000, Cancelled);
            await peer.SendAsync(Deliver(1, 1, [2]));
            await peer.AnswerAsync(StreamCommand.Unsubscribe, _ => { });
        });
        await using StreamConnection connection = await server.ConnectAsync();
        CollectingSink sink = new();
        sink.Pause = async () => await Task.Delay(sink.Chunks.Count == 1 ? 4500 : 0, Cancelled);

        StreamReadResult result = await new ChunkReader(connection, "s", new StreamReadOptions(), sink).RunAsync(Cancelled);

        Assert.Equal(2, result.Messages);
    }

    [Theory]
    [InlineData(0x8000_0000u)]
    [InlineData(0x0020_0000u)]
    public async Task An_absurd_frame_length_ends_the_connection(uint size)
    {
        await using ScriptedStreamServer server = new(async peer =>
        {
            await BeginReadingAsync(peer, committed: 500);
            await peer.SendAsync([(byte)(size >> 24), (byte)(size >> 16), 0, 0, 0, 23, 0, 1]);
            await peer.StaySilentAsync();
        });

        (RabbitBackupException e, _) = await FailingReadAsync(server);

        Assert.Contains("more than the", e.Message);
    }

    [Fact]
    public async Task A_confirm_of_an_id_that_was_never_sent_ends_the_connection()
    {
        await using ScriptedStreamServer server = new(async peer =>
        {
            await peer.AnswerAsync(StreamCommand.DeclarePublisher, _ => { });
            await peer.ExpectAsync(StreamCommand.Publish);
            await peer.SendAsync(w =>
            {
                w.Begin(StreamCommand.PublishConfirm);
                w.Byte(1);
                w.UInt32(1);
                w.UInt64(99);
                w.End();
            });
            await peer.StaySilentAsync();
        });
        await using StreamConnection connection = await server.ConnectAsync();
        StreamPublisher publisher = await StreamPublisher.DeclareAsync(connection, "s", "", null, Cancelled);
        publisher.TryAddEntry(1, TestEntries.Plain([1]));

        RabbitBackupException e = await Assert.ThrowsAsync<RabbitBackupException>(() => publisher.CompleteAsync(Cancelled));

        Assert.Contains("id 99 was settled", e.Message);
    }

    [Fact]
    public async Task Confirms_that_do_not_come_time_out()
    {
        await using ScriptedStreamServer server = new(async peer =>
        {
            await peer.AnswerAsync(StreamCommand.DeclarePublisher, _ => { });
            while (true)
            {
                await Task.Delay(300, Cancelled);
                await peer.SendAsync(StreamRequests.Heartbeat);
            }
        });
        await using StreamConnection connection = await server.ConnectAsync();
        StreamPublishOptions options = new() { ConfirmTimeout = TimeSpan.FromSeconds(1) };
        StreamPublisher publisher = await StreamPublisher.DeclareAsync(connection, "s", "", options, Cancelled);
        publisher.TryAddEntry(1, TestEntries.Plain([1]));

        RabbitBackupException e = await Assert.ThrowsAsync<RabbitBackupException>(() => publisher.CompleteAsync(Cancelled));

        Assert.Equal(ErrorCode.OperationTimedOut, e.Code);
    }

    private static async Task BeginReadingAsync(ScriptedStreamServer.Peer peer, long committed)
    {
        await peer.AnswerStatsAsync(0, committed);
        await peer.AnswerAsync(StreamCommand.Subscribe, _ => { });
    }

    private static async Task<(RabbitBackupException Error, StreamReadResult Progress)> FailingReadAsync(ScriptedStreamServer server)
    {
        await using StreamConnection connection = await server.ConnectAsync();
        ChunkReader reader = new(connection, "s", new StreamReadOptions(), new CollectingSink());
        RabbitBackupException e = await Assert.ThrowsAsync<RabbitBackupException>(() => reader.RunAsync(Cancelled).WaitAsync(TimeSpan.FromSeconds(15), Cancelled));
        return (e, reader.Progress);
    }
}
