using System.Buffers;
using System.Security.Cryptography;
using FsCheck;
using FsCheck.Fluent;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Tests.Messages;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Format;

public class SegmentWriterTests
{
    public static TheoryData<RecordFormat, SegmentCompression> AllKinds => TestSegment.AllKinds;

    [Theory]
    [MemberData(nameof(AllKinds))]
    public void Any_bytes_in_any_field_come_back(RecordFormat format, SegmentCompression compression)
    {
        Gen<byte[]> bytes = ArbMap.Default.GeneratorFor<byte[]>();
        Gen<TestRecord> message =
            from exchange in bytes
            from routingKey in bytes
            from body in bytes
            from redelivered in ArbMap.Default.GeneratorFor<bool>()
            from time in ArbMap.Default.GeneratorFor<long>()
            from seed in ArbMap.Default.GeneratorFor<int>()
            select TestRecord.Message(
                exchange, routingKey, RawProperties.Any(new Random(seed)), body, redelivered,
                Math.Clamp(time * 1_000_003, SegmentHeader.MinTime, SegmentHeader.MaxTime));
        Gen<TestRecord> entry =
            from data in bytes
            from offset in Gen.Choose(0, 3)
            from batch in ArbMap.Default.GeneratorFor<bool>()
            from epoch in Gen.Choose(-1, 1)
            select TestRecord.StreamEntry(
                offset, [.. batch ? [0xC0, 0, 1, 9, 8, 7, 6] : Array.Empty<byte>(), .. RawProperties.Long(data)], time: 7, epoch);
        Gen<TestRecord[]> records = Gen.OneOf(message, entry).ArrayOf();

        Prop.ForAll(records.ToArbitrary(), expected =>
            TestSegment.ReadAsync(TestSegment.Write(format, compression, expected, pieces: (expected.Length % 3) + 1)).GetAwaiter().GetResult().SequenceEqual(expected))
            .QuickCheckThrowOnFailure();
    }

    [Theory]
    [MemberData(nameof(AllKinds))]
    public async Task Small_and_large_records_of_any_compressibility_come_back(RecordFormat format, SegmentCompression compression)
    {
        Random random = new(1);
        byte[] noise = new byte[3 << 20];
        random.NextBytes(noise);
        byte[] text = new byte[3 << 20];
        for (int i = 0; i < text.Length; i++)
        {
            text[i] = (byte)('a' + random.Next(3));
        }

        List<TestRecord> records = [];
        foreach (int size in new[] { 0, 1, 100, 16 << 20, 0, 262_143, 262_144, 262_145, 700_000, 3 << 20, 5 })
        {
            byte[] source = records.Count % 2 == 0 ? noise : text;
            byte[] body = new byte[size];
            for (int position = 0; position < size; position += source.Length)
            {
                source.AsSpan(0, Math.Min(source.Length, size - position)).CopyTo(body.AsSpan(position));
            }

            records.Add(TestRecord.Message("ex"u8.ToArray(), "key"u8.ToArray(), [0, 0], body, time: records.Count));
        }

        Assert.Equal(records, await TestSegment.ReadAsync(TestSegment.Write(format, compression, records, pieces: 7)));
    }

    [Theory]
    [MemberData(nameof(AllKinds))]
    public async Task An_empty_segment_is_one(RecordFormat format, SegmentCompression compression) =>
        Assert.Empty(await TestSegment.ReadAsync(TestSegment.Write(format, compression, [])));

    [Theory]
    [MemberData(nameof(AllKinds))]
    public async Task Content_tells_what_is_in_the_object(RecordFormat format, SegmentCompression compression)
    {
        BlockPool pool = new();
        using SegmentWriter writer = new(new SegmentWriterOptions { BlockPool = pool, RecordFormat = format, Compression = compression });
        TestRecord.StreamEntry(100, [0xA0, 0, 5, 0, 0, 0, 9, 0, 0, 0, 1, 7], time: 50).AppendTo(writer);
        TestRecord.StreamEntry(105, [0, 0, 0, 1, 7], time: 40).AppendTo(writer);
        Assert.Equal((6L, 50L, 40L), (writer.Records, writer.FirstTime, writer.LastTime));
        long uncompressed = writer.UncompressedBytes;

        using SegmentContent content = writer.Finish();
        byte[] bytes = TestSegment.Bytes(content);

        Assert.Equal((6L, 50L, 40L, true), (content.Records, content.FirstTime, content.LastTime, content.TimesGoBack));
        Assert.Equal((100L, 105L), (content.FirstOffset, content.LastOffset));
        Assert.Equal(uncompressed, content.UncompressedBytes);
        Assert.Equal(bytes.Length, content.Length);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bytes)), content.Sha256);
        using SegmentReader reader = await TestSegment.OpenAsync(bytes);
        while (reader.TryRead(out _))
        {
        }

        Assert.Equal(uncompressed, reader.UncompressedBytes);
        Assert.False(reader.IsTimeOrdered);
        Assert.Equal(new SegmentHeader { RecordFormat = format, Compression = compression, Records = 6, FirstTime = 50, LastTime = 40 }, reader.Header);
    }

    [Fact]
    public void Content_without_stream_chunks_has_no_offsets()
    {
        using SegmentWriter writer = new(new SegmentWriterOptions { BlockPool = new BlockPool() });
        TestRecord.Message([], [], [0, 0], [1]).AppendTo(writer);
        using SegmentContent content = writer.Finish();

        Assert.Null(content.FirstOffset);
        Assert.Null(content.LastOffset);
    }

    [Theory]
    [MemberData(nameof(AllKinds))]
    public void All_blocks_come_back_to_the_pool(RecordFormat format, SegmentCompression compression)
    {
        BlockPool pool = new();
        SegmentWriter finished = new(new SegmentWriterOptions { BlockPool = pool, RecordFormat = format, Compression = compression });
        SegmentWriter abandoned = new(new SegmentWriterOptions { BlockPool = pool, RecordFormat = format, Compression = compression });
        byte[] body = new byte[1 << 20];
        new Random(3).NextBytes(body);
        TestRecord.Message([], [], [0, 0], body).AppendTo(finished);
        TestRecord.Message([], [], [0, 0], body).AppendTo(abandoned);
        SegmentContent content = finished.Finish();
        finished.Dispose();

        long object_ = (content.Length + BlockPool.BlockBytes - 1) / BlockPool.BlockBytes;
        abandoned.Dispose();
        abandoned.Dispose();
        finished.Dispose();
        Assert.Equal(object_, pool.BlocksInUse);
        content.Dispose();
        content.Dispose();
        Assert.Equal(0, pool.BlocksInUse);
    }

    [Theory]
    [InlineData(SegmentCompression.None, 3)]
    [InlineData(SegmentCompression.Zstd, 3)]
    [InlineData(SegmentCompression.Lz4, 5)]
    public void Memory_is_the_compressed_size_and_a_few_blocks(SegmentCompression compression, int blocks)
    {
        BlockPool pool = new();
        using SegmentWriter writer = new(new SegmentWriterOptions { BlockPool = pool, Compression = compression });
        byte[] body = new byte[64 * 1024];
        Random random = new(9);
        for (int i = 0; i < 512; i++)
        {
            if (i >= 256)
            {
                random.NextBytes(body); // what compresses well, then what does not compress at all
            }

            TestRecord.Message([], [], [0, 0], body).AppendTo(writer);
        }

        int before = pool.BlocksInUse;
        using SegmentContent content = writer.Finish();
        long size = (content.Length + BlockPool.BlockBytes - 1) / BlockPool.BlockBytes;
        Assert.InRange(before, 1, size + blocks);
        Assert.InRange(pool.BlocksInUse, 1, size + blocks);
    }

    [Fact]
    public void What_is_out_of_range_is_refused_before_anything_is_borrowed()
    {
        BlockPool pool = new();

        Assert.Throws<ArgumentOutOfRangeException>(() => new SegmentWriter(new SegmentWriterOptions { BlockPool = pool, CompressionLevel = 20 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SegmentWriter(new SegmentWriterOptions { BlockPool = pool, CompressionLevel = -8 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SegmentWriter(new SegmentWriterOptions { BlockPool = pool, RecordFormat = (RecordFormat)3 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SegmentWriter(new SegmentWriterOptions { BlockPool = pool, Compression = (SegmentCompression)3 }));
        Assert.Equal(0, pool.BlocksInUse);
    }

    [Theory]
    [InlineData(RecordFormat.Json)]
    [InlineData(RecordFormat.Binary)]
    public void What_no_broker_gives_is_the_callers_mistake(RecordFormat format)
    {
        using SegmentWriter writer = new(new SegmentWriterOptions { BlockPool = new BlockPool(), RecordFormat = format });

        Assert.Throws<ArgumentException>(() => TestRecord.Message(new byte[256], [], [0, 0], []).AppendTo(writer));
        Assert.Throws<ArgumentException>(() => TestRecord.Message([], new byte[256], [0, 0], []).AppendTo(writer));
        Assert.Throws<ArgumentException>(() => writer.AppendChunk(new StreamChunkContent { EntryCount = 0, MessageCount = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => TestRecord.Message([], [], [0, 0], [], time: SegmentHeader.MaxTime + 1).AppendTo(writer));
        Assert.Throws<ArgumentOutOfRangeException>(() => TestRecord.StreamEntry(0, [0, 0, 0, 0], time: SegmentHeader.MinTime - 1).AppendTo(writer));
        Assert.Equal(0, writer.Records);
        Assert.Equal(0, writer.UncompressedBytes);
    }

    [Fact]
    public void A_record_that_failed_half_way_does_not_become_part_of_a_segment()
    {
        BlockPool pool = new();
        SegmentWriter writer = new(new SegmentWriterOptions { BlockPool = pool, RecordFormat = RecordFormat.Json });
        TestRecord.Message([], [], [0, 0], [1]).AppendTo(writer);

        Assert.Throws<ArgumentException>(
            () => writer.AppendChunk(new StreamChunkContent { EntryCount = 1, MessageCount = 2, Entries = new ReadOnlySequence<byte>([0, 0, 0, 0]) }));
        Assert.Throws<InvalidOperationException>(writer.Finish);
        writer.Dispose();
        Assert.Equal(0, pool.BlocksInUse);
    }

    [Fact]
    public void After_the_end_nothing_can_be_added()
    {
        SegmentWriter writer = new(new SegmentWriterOptions { BlockPool = new BlockPool() });
        using SegmentContent content = writer.Finish();

        Assert.Throws<InvalidOperationException>(() => TestRecord.Message([], [], [0, 0], []).AppendTo(writer));
        Assert.Throws<InvalidOperationException>(writer.Finish);
        writer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => TestRecord.Message([], [], [0, 0], []).AppendTo(writer));
    }

    [Theory]
    [InlineData(SegmentCompression.None)]
    [InlineData(SegmentCompression.Zstd)]
    [InlineData(SegmentCompression.Lz4)]
    public void Appending_allocates_nothing_for_a_record(SegmentCompression compression)
    {
        BlockPool pool = new();
        using SegmentWriter writer = new(new SegmentWriterOptions { BlockPool = pool, Compression = compression });
        byte[] properties = RawProperties.List(1 << 15, RawProperties.Short("text/plain"));
        ReadOnlySequence<byte> body = new(new byte[1024]);

        void Append(int count)
        {
            for (int i = 0; i < count; i++)
            {
                writer.Append(new RecordContent { Exchange = "e"u8, RoutingKey = "k"u8, Properties = properties, Body = body, CapturedAt = i });
            }
        }

        Append(1000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Append(10_000);
        long blocks = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.InRange(blocks, 0, (compression == SegmentCompression.None ? 42 : 2) * (BlockPool.BlockBytes + 1024));
    }
}
