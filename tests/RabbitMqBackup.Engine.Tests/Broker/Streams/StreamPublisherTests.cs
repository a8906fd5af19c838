using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Messages.Chunks;
using Xunit;
using static RabbitMqBackup.Engine.Tests.Broker.Streams.ChunkReaderTests;

namespace RabbitMqBackup.Engine.Tests.Broker.Streams;

/// <summary>Writing against real brokers.</summary>
public sealed class StreamPublisherTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public static TheoryData<string> Generations => ChunkReaderTests.Generations;

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_second_run_under_the_same_name_adds_only_what_is_missing(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);
        byte[] data = Chunk(0, 1000);
        byte[] firstPart = Chunk(0, 400);

        ulong stored;
        await using (StreamPublisher first = await StreamPublisher.DeclareAsync(connection, "s", "restore-1", null, Cancelled))
        {
            Assert.Equal(0UL, first.StoredId);
            Assert.Equal(firstPart.Length, (await first.PublishChunkAsync(0, firstPart, Cancelled)).Taken);
            await first.CompleteAsync(Cancelled);
            Assert.Equal((400L, 400UL), (first.Confirmed, first.SettledId));
        }

        await using (StreamPublisher second = await StreamPublisher.DeclareAsync(connection, "s", "restore-1", null, Cancelled))
        {
            stored = second.StoredId;
            Assert.Equal(data.Length, (await second.PublishChunkAsync(0, data, Cancelled)).Taken);
            await second.CompleteAsync(Cancelled);
            Assert.Equal(600, second.Confirmed);
        }

        CollectingSink sink = new();
        await new ChunkReader(connection, "s", new StreamReadOptions(), sink).RunAsync(Cancelled);
        Assert.Equal(400UL, stored);
        Assert.Equal(Enumerable.Range(0, 1000), sink.Messages.Select(m => BitConverter.ToInt32(m.Message.AsSpan(8))));
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task The_broker_drops_an_id_that_it_has_already(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);
        for (int run = 0; run < 2; run++)
        {
            await using StreamPublisher publisher = await StreamPublisher.DeclareAsync(connection, "s", "name", null, Cancelled);
            await PublishAsync(publisher, [.. Enumerable.Range(0, 50).Select(i => TestEntries.Plain(TestEntries.Data(BitConverter.GetBytes(i))))]);
            Assert.Equal(50, publisher.Confirmed);
        }

        CollectingSink sink = new();
        await new ChunkReader(connection, "s", new StreamReadOptions(), sink).RunAsync(Cancelled);
        Assert.Equal(50, sink.Messages.Count);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task An_entry_above_the_frame_size_is_refused_before_it_is_sent(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);
        await using StreamPublisher publisher = await StreamPublisher.DeclareAsync(connection, "s", "name", null, Cancelled);
        int largest = (int)connection.FrameMax - 9 - 8;
        byte[] fitting = TestEntries.Plain(new byte[largest - 4]);
        byte[] tooLarge = TestEntries.Plain(new byte[largest - 3]);

        RabbitBackupException e = Assert.Throws<RabbitBackupException>(() => publisher.TryAddEntry(1, tooLarge));
        (int taken, _) = await publisher.PublishChunkAsync(0, new ReadOnlyMemory<byte>([.. fitting, .. tooLarge]), Cancelled);
        await publisher.CompleteAsync(Cancelled);

        Assert.Equal((ErrorCode.PublishRejected, "s"), (e.Code, e.Target));
        Assert.Equal(fitting.Length, taken);
        Assert.Equal(1, publisher.Confirmed);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task More_entries_than_the_window_holds_are_all_confirmed_in_order(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);
        StreamPublishOptions narrow = new() { FrameEntries = 7, Window = 20 };
        await using StreamPublisher publisher = await StreamPublisher.DeclareAsync(connection, "s", "", narrow, Cancelled);
        await PublishAsync(publisher, [.. Enumerable.Range(0, 5000).Select(i => TestEntries.Plain(TestEntries.Data(BitConverter.GetBytes(i))))]);

        CollectingSink sink = new();
        await new ChunkReader(connection, "s", new StreamReadOptions(), sink).RunAsync(Cancelled);
        Assert.Equal((5000L, 5000UL), (publisher.Confirmed, publisher.SettledId));
        Assert.Equal(Enumerable.Range(0, 5000), sink.Messages.Select(m => BitConverter.ToInt32(m.Message.AsSpan(8))));
    }

    [Theory]
    [InlineData("3.10", true)]
    [InlineData("4.0", true)]
    [InlineData("4.3", false)]
    public async Task A_malformed_batch_stops_a_chunk_only_where_the_broker_would_refuse_it(string generation, bool taken)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);
        await using StreamPublisher publisher = await StreamPublisher.DeclareAsync(connection, "s", "", null, Cancelled);
        byte[] good = TestEntries.Plain(TestEntries.Data([1]));
        byte[] unknownCodec = TestEntries.RawBatch(7, 1, 9, new byte[9]);
        byte[] data = [.. good, .. unknownCodec, .. good];

        int position = (await publisher.PublishChunkAsync(0, data, Cancelled)).Taken;
        await publisher.CompleteAsync(Cancelled);

        Assert.Equal(taken ? data.Length : good.Length, position);
        Assert.Equal((taken ? 3L : 1L, 0L), (publisher.Confirmed, publisher.RefusedCount));
    }

    [Fact]
    public async Task From_a_refused_batch_on_the_rest_of_its_frame_is_refused_and_listed()
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync("4.3");
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);
        await using StreamPublisher publisher = await StreamPublisher.DeclareAsync(connection, "s", "", null, Cancelled);
        byte[] good = TestEntries.Plain(TestEntries.Data([1]));

        await PublishAsync(publisher, [good, TestEntries.RawBatch(7, 1, 9, new byte[9]), good]);

        Assert.Equal([new StreamRefusal(2, StreamResponseCode.PreconditionFailed), new StreamRefusal(3, StreamResponseCode.PreconditionFailed)], publisher.Refused);
        Assert.Equal((1L, 2L, 3UL), (publisher.Confirmed, publisher.RefusedCount, publisher.SettledId));
    }

    [Theory]
    [InlineData("4.0")]
    [InlineData("4.3")]
    public async Task A_filter_value_makes_the_chunk_carry_a_filter(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);
        await using StreamPublisher publisher = await StreamPublisher.DeclareAsync(connection, "s", "", null, Cancelled);
        byte[] message = TestEntries.Data([1, 2, 3]);

        Assert.True(publisher.TryAddFiltered(1, "emea", message));
        Assert.True(publisher.TryAddFiltered(2, null, message));
        Assert.False(publisher.TryAddEntry(3, TestEntries.Plain(message)));
        await publisher.FlushAsync(Cancelled);
        Assert.True(publisher.TryAddEntry(3, TestEntries.Plain(message)));
        await publisher.CompleteAsync(Cancelled);

        CollectingSink sink = new();
        await new ChunkReader(connection, "s", new StreamReadOptions(), sink).RunAsync(Cancelled);
        Assert.True(sink.Chunks[0].Header.BloomSize > 0);
        Assert.Equal([message, message, message], sink.Messages.Select(m => m.Message));
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_stream_deleted_while_it_is_written_is_reported(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await using StreamConnection other = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);
        await using StreamPublisher publisher = await StreamPublisher.DeclareAsync(connection, "s", "", null, Cancelled);
        await PublishAsync(publisher, [TestEntries.Plain(TestEntries.Data([1]))]);
        await other.DeleteStreamAsync("s", Cancelled);

        RabbitBackupException e = await Assert.ThrowsAsync<RabbitBackupException>(async () =>
        {
            for (ulong id = 2; id < 1000; id++)
            {
                await AddAsync(publisher, id, TestEntries.Plain(TestEntries.Data([1])));
                await publisher.CompleteAsync(Cancelled);
                await Task.Delay(10, Cancelled);
            }
        });

        Assert.Equal(ErrorCode.QueueNotFound, e.Code);
    }

    private static byte[] Chunk(int first, int count) =>
        [.. Enumerable.Range(first, count).SelectMany(i => TestEntries.Plain(TestEntries.Data(BitConverter.GetBytes(i))))];
}
