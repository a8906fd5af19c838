using System.Text;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Messages.Chunks;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker.Streams;

/// <summary>Reading against real brokers.</summary>
public sealed class ChunkReaderTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public static TheoryData<string> Generations => ["3.10", "4.0", "4.3"];

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task An_empty_stream_ends_at_once_and_holds_nothing(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);

        StreamReadResult result = await new ChunkReader(connection, "s", new StreamReadOptions(), new CollectingSink()).RunAsync(Cancelled);

        Assert.Equal((null, null, 0L, 0L), (result.FirstOffset, result.LastOffset, result.Messages, result.Chunks));
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_missing_stream_is_reported_as_such(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();

        RabbitBackupException e = await Assert.ThrowsAsync<RabbitBackupException>(
            () => new ChunkReader(connection, "absent", new StreamReadOptions(), new CollectingSink()).RunAsync(Cancelled));

        Assert.Equal((ErrorCode.QueueNotFound, "absent"), (e.Code, e.Target));
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task What_was_published_with_every_compression_comes_back_byte_for_byte(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);
        List<byte[]> entries = [];
        List<byte[]> messages = [];
        await using (StreamPublisher publisher = await StreamPublisher.DeclareAsync(connection, "s", "", null, Cancelled))
        {
            for (int i = 0; i < 500; i++)
            {
                byte[][] some = [.. Enumerable.Range(0, (i % 7) + 1).Select(j => TestEntries.Data(Encoding.UTF8.GetBytes($"message {i}/{j} {new string('x', i * 3)}")))];
                messages.AddRange(i % 6 == 5 ? some[..1] : some);
                entries.Add(i % 6 == 5 ? TestEntries.Plain(some[0]) : TestEntries.Batch((BatchCodec)(i % 6), some));
            }

            await PublishAsync(publisher, entries);
        }

        CollectingSink sink = new();
        StreamReadResult result = await new ChunkReader(connection, "s", new StreamReadOptions(), sink).RunAsync(Cancelled);

        Assert.Equal(entries.SelectMany(e => e), sink.Chunks.SelectMany(c => c.Data));
        Assert.Equal(messages, sink.Messages.Select(m => m.Message));
        Assert.Equal(Enumerable.Range(0, messages.Count).Select(i => (ulong)i), sink.Messages.Select(m => m.Offset));
        Assert.Equal((0L, messages.Count - 1L, (long)messages.Count, 0), (result.FirstOffset, result.LastOffset, result.Messages, result.Gaps.Count));
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_reading_continues_where_another_has_ended(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);
        await PublishNumbersAsync(connection, 0, 1000);
        CollectingSink sink = new();
        StreamReadResult first = await new ChunkReader(connection, "s", new StreamReadOptions(), sink).RunAsync(Cancelled);

        StreamReadOptions onward = new() { Start = StreamStart.Offset(first.NextOffset!.Value) };
        StreamReadResult nothing = await new ChunkReader(connection, "s", onward, new CollectingSink()).RunAsync(Cancelled);
        await PublishNumbersAsync(connection, 1000, 500);
        StreamReadResult second = await new ChunkReader(connection, "s", onward, sink).RunAsync(Cancelled);

        Assert.Equal(0, nothing.Messages);
        Assert.Equal((1000L, 500L, 0), (second.FirstOffset, second.Messages, second.Gaps.Count));
        Assert.Equal(Enumerable.Range(0, 1500), sink.Messages.Select(m => BitConverter.ToInt32(m.Message.AsSpan(8))));
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_stream_created_anew_is_told_from_one_with_nothing_new(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);
        await PublishNumbersAsync(connection, 0, 10);
        StreamReadOptions onward = new() { Start = StreamStart.Offset(10) };
        StreamReadResult same = await new ChunkReader(connection, "s", onward, new CollectingSink()).RunAsync(Cancelled);

        await connection.DeleteStreamAsync("s", Cancelled);
        await connection.CreateStreamAsync("s", [], Cancelled);
        StreamReadResult empty = await new ChunkReader(connection, "s", onward, new CollectingSink()).RunAsync(Cancelled);
        await PublishNumbersAsync(connection, 0, 3);
        StreamReadResult shorter = await new ChunkReader(connection, "s", onward, new CollectingSink()).RunAsync(Cancelled);

        Assert.Equal((false, true, true), (same.EndsBeforeStart, empty.EndsBeforeStart, shorter.EndsBeforeStart));
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Stored_offsets_take_offsets_of_the_stream_and_are_no_gap(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);
        await PublishNumbersAsync(connection, 0, 100);
        await StoreOffsetAsync(connection, "app-a", 17);
        await PublishNumbersAsync(connection, 100, 100);
        await StoreOffsetAsync(connection, "app-b", 42);
        await StoreOffsetAsync(connection, "app-a", 57);

        CollectingSink sink = new();
        StreamReadResult result = await new ChunkReader(connection, "s", new StreamReadOptions(), sink).RunAsync(Cancelled);

        Assert.Equal((200L, 0), (result.Messages, result.Gaps.Count));
        Assert.True(result.TrackingChunks >= 1, "no tracking chunk was seen");
        Assert.Equal(Enumerable.Range(0, 200), sink.Messages.Select(m => BitConverter.ToInt32(m.Message.AsSpan(8))));
        Assert.True(result.ConsumerOffsets["app-a"] is 17 or 57);
        if (generation != "3.10")
        {
            // The end of a 3.10 stream is its last chunk with messages, so offsets stored after it are not met.
            Assert.Equal((57L, 42L), (result.ConsumerOffsets["app-a"], result.ConsumerOffsets["app-b"]));
        }
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task What_retention_has_taken_is_a_gap_from_the_offset_asked_for(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [new("max-length-bytes", "2000000"), new("stream-max-segment-size-bytes", "500000")], Cancelled);
        await using StreamConnection other = await host.ConnectAsync();
        await using (StreamPublisher publisher = await StreamPublisher.DeclareAsync(connection, "s", "writer", null, Cancelled))
        {
            byte[] body = new byte[4000];
            for (int i = 0; i < 3000; i++)
            {
                BitConverter.TryWriteBytes(body, i);
                await AddAsync(publisher, (ulong)i + 1, TestEntries.Plain(TestEntries.Data(body)));
                if (i % 20 == 19)
                {
                    await publisher.CompleteAsync(Cancelled);
                }

                if (i == 100)
                {
                    await other.StoreOffsetAsync("app", "s", 1_000_000, Cancelled);
                }
            }
        }

        CollectingSink sink = new();
        StreamReadResult result = await new ChunkReader(connection, "s", new StreamReadOptions { Start = StreamStart.Offset(0) }, sink).RunAsync(Cancelled);

        StreamGap gap = Assert.Single(result.Gaps);
        Assert.Equal((0L, StreamGapKind.Truncated), (gap.FirstOffset, gap.Kind));
        Assert.True(result.FirstOffset > gap.LastOffset);
        Assert.Equal(2999, BitConverter.ToInt32(sink.Messages[^1].Message.AsSpan(8)));
        Assert.Equal(result.Messages + result.TrackingChunks, result.NextOffset - gap.LastOffset - 1);
        Assert.Equal(1_000_000, result.ConsumerOffsets["app"]); // its own chunk is gone: the snapshot at a segment's beginning has it
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_stop_from_the_sink_ends_after_the_chunk(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);
        for (int i = 0; i < 20; i++)
        {
            await PublishNumbersAsync(connection, i * 10, 10);
        }

        CollectingSink sink = new();
        ChunkReader reader = new(connection, "s", new StreamReadOptions { Follow = true }, sink);
        sink.AfterChunk = count =>
        {
            if (count == 3)
            {
                reader.Stop();
            }
        };
        StreamReadResult result = await reader.RunAsync(Cancelled);

        Assert.Equal((3L, 3), (result.Chunks, sink.Chunks.Count));
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_stream_deleted_while_it_is_followed_is_reported(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);
        await PublishNumbersAsync(connection, 0, 10);
        CollectingSink sink = new();
        TaskCompletionSource seen = new(TaskCreationOptions.RunContinuationsAsynchronously);
        sink.AfterChunk = _ => seen.TrySetResult();
        Task<StreamReadResult> reading = new ChunkReader(connection, "s", new StreamReadOptions { Follow = true }, sink).RunAsync(Cancelled);
        await seen.Task.WaitAsync(TimeSpan.FromSeconds(10), Cancelled);

        await using StreamConnection other = await host.ConnectAsync();
        await other.DeleteStreamAsync("s", Cancelled);

        RabbitBackupException e = await Assert.ThrowsAsync<RabbitBackupException>(() => reading.WaitAsync(TimeSpan.FromSeconds(10), Cancelled));
        Assert.Equal(ErrorCode.QueueNotFound, e.Code);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_start_by_time_leaves_out_older_chunks(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);
        await PublishNumbersAsync(connection, 0, 10);
        await Task.Delay(50, Cancelled);
        DateTimeOffset between = DateTimeOffset.UtcNow;
        await Task.Delay(50, Cancelled);
        await PublishNumbersAsync(connection, 10, 10);

        CollectingSink sink = new();
        await new ChunkReader(connection, "s", new StreamReadOptions { Start = StreamStart.Timestamp(between) }, sink).RunAsync(Cancelled);
        StreamReadOptions future = new() { Start = StreamStart.Timestamp(DateTimeOffset.UtcNow.AddHours(1)) };
        StreamReadResult nothing = await new ChunkReader(connection, "s", future, new CollectingSink()).RunAsync(Cancelled);

        Assert.Equal(Enumerable.Range(10, 10), sink.Messages.Select(m => BitConverter.ToInt32(m.Message.AsSpan(8))));
        Assert.Equal(0, nothing.Messages);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Large_messages_written_through_AMQP_come_in_pieces(string generation)
    {
        await using StreamTestHost host = await StreamTestHost.StartAsync(generation);
        await using StreamConnection connection = await host.ConnectAsync();
        await connection.CreateStreamAsync("s", [], Cancelled);
        await using IConnection amqp = await host.ConnectAmqpAsync();
        await using IChannel channel = await amqp.CreateChannelAsync(new CreateChannelOptions(true, true), Cancelled);
        byte[] body = new byte[3_000_000];
        Random.Shared.NextBytes(body);
        await channel.BasicPublishAsync("", "s", body, Cancelled);

        CollectingSink sink = new();
        StreamReadResult result = await new ChunkReader(connection, "s", new StreamReadOptions(), sink).RunAsync(Cancelled);

        Assert.Equal(1, result.Messages);
        Assert.Equal(body, sink.Messages[0].Message[^body.Length..]);
    }

    internal static async Task PublishAsync(StreamPublisher publisher, IReadOnlyList<byte[]> entries, ulong firstId = 1)
    {
        foreach (byte[] entry in entries)
        {
            await AddAsync(publisher, firstId++, entry);
        }

        await publisher.CompleteAsync(Cancelled);
    }

    internal static async Task AddAsync(StreamPublisher publisher, ulong id, byte[] entry)
    {
        while (!publisher.TryAddEntry(id, entry))
        {
            await publisher.FlushAsync(Cancelled);
        }
    }

    internal static async Task PublishNumbersAsync(StreamConnection connection, int first, int count)
    {
        await using StreamPublisher publisher = await StreamPublisher.DeclareAsync(connection, "s", "", null, Cancelled);
        await PublishAsync(publisher, [.. Enumerable.Range(first, count).Select(i => TestEntries.Plain(TestEntries.Data(BitConverter.GetBytes(i))))]);
    }

    /// <summary>Stores an offset and waits until the broker has it, since it does not answer.</summary>
    private static async Task StoreOffsetAsync(StreamConnection connection, string reference, ulong offset)
    {
        await connection.StoreOffsetAsync(reference, "s", offset, Cancelled);
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(10));
        while (await connection.QueryOffsetAsync(reference, "s", limit.Token) != offset)
        {
            await Task.Delay(20, limit.Token);
        }
    }
}
