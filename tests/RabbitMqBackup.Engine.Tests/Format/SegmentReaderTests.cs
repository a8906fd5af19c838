using System.Buffers.Binary;
using System.Security.Cryptography;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Tests.Messages;
using Xunit;
using static RabbitMqBackup.Engine.Tests.Format.TestSegment;

namespace RabbitMqBackup.Engine.Tests.Format;

public class SegmentReaderTests
{
    private static readonly TestRecord[] Records =
    [
        TestRecord.Message("ex"u8.ToArray(), "key"u8.ToArray(), RawProperties.Headers(RawProperties.Field("k", 'I', 0, 0, 0, 1)), "first body"u8.ToArray(), true, 1000),
        TestRecord.Message([], "key"u8.ToArray(), [0, 0], "second body, which says body, body, body, body"u8.ToArray(), false, 2000),
        TestRecord.StreamEntry(7, [0, 0, 0, 3, 1, 2, 3], 3000, 4),
    ];

    public static TheoryData<RecordFormat, SegmentCompression> Kinds => AllKinds;

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Every_flipped_bit_is_detected_before_a_record_is_given(RecordFormat format, SegmentCompression compression)
    {
        byte[] good = Write(format, compression, Records);
        for (int position = 0; position < good.Length; position++)
        {
            for (int bit = 0; bit < 8; bit++)
            {
                byte[] bad = [.. good];
                bad[position] ^= (byte)(1 << bit);
                RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => OpenAsync(bad));
                Assert.Equal(ErrorCode.SegmentCorrupt, error.Code);
                Assert.NotNull(error.Hint);
                int named = position < 4 ? 0 : position >= good.Length - 4 ? good.Length - 4 : good.Length - 8;
                Assert.Contains($"at byte {named}: ", error.Message);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Every_truncation_is_detected_with_its_position(RecordFormat format, SegmentCompression compression)
    {
        byte[] good = Write(format, compression, Records);
        for (int length = 0; length < good.Length; length++)
        {
            RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(() => OpenAsync(good[..length]));
            Assert.Equal(ErrorCode.SegmentCorrupt, error.Code);
            Assert.Contains($"at byte {(length < 40 ? length : length - 4)}: ", error.Message);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_is_added_is_detected(RecordFormat format, SegmentCompression compression)
    {
        byte[] good = Write(format, compression, Records);

        Assert.Equal(ErrorCode.SegmentCorrupt, (await FailAsync([.. good, 0])).Code);
        Assert.Equal(ErrorCode.SegmentCorrupt, (await FailAsync([.. good, .. good])).Code);
        Assert.Equal(ErrorCode.SegmentCorrupt, (await FailAsync(Seal([.. good[..^8], 0, .. good[^8..]]))).Code);
    }

    [Fact]
    public async Task A_segment_is_what_the_manifest_names_or_refused()
    {
        byte[] segment = Write(RecordFormat.Binary, SegmentCompression.Zstd, Records);
        SegmentReadOptions right = new()
        {
            BlockPool = new BlockPool(),
            Target = "queues/_default/q/segment-0001.zst",
            ExpectedLength = segment.Length,
            ExpectedSha256 = Convert.ToHexString(SHA256.HashData(segment)),
        };
        Assert.Equal(Records, await ReadAsync(segment, right));

        RabbitBackupException length = await FailAsync(segment, right with { ExpectedLength = segment.Length + 1 });
        Assert.Contains($"at byte {segment.Length}: it has {segment.Length} bytes, and the manifest says {segment.Length + 1}", length.Message);
        Assert.Equal(right.Target, length.Target);
        Assert.Contains("beyond the 50 bytes that the manifest says", (await FailAsync(segment, right with { ExpectedLength = 50 })).Message);
        RabbitBackupException hash = await FailAsync(segment, right with { ExpectedSha256 = new string('0', 64) });
        Assert.Contains("SHA-256", hash.Message);

        byte[] other = Write(RecordFormat.Binary, SegmentCompression.Zstd, Records.Reverse());
        Assert.Equal(ErrorCode.SegmentCorrupt, (await FailAsync(other, right with { ExpectedLength = null })).Code);
    }

    [Theory]
    [InlineData(3, 0, 0, ErrorCode.FormatTooNew, "format version 3 (at byte 4)")]
    [InlineData(0, 0, 0, ErrorCode.SegmentCorrupt, "at byte 4: its version is 0")]
    [InlineData(2, 3, 0, ErrorCode.FormatTooNew, "compression 3 (at byte 5)")]
    [InlineData(2, 0, 1, ErrorCode.FormatTooNew, "flags 0x0001 (at byte 6)")]
    [InlineData(1, 0, 1, ErrorCode.SegmentCorrupt, "at byte 6: the reserved bytes are not 0")]
    public async Task A_header_from_elsewhere_is_refused_by_name(int version, int compression, ushort flags, ErrorCode code, string complaint)
    {
        RabbitBackupException error = await FailAsync(Forge([], version, compression, records: 0, first: 0, last: 0, flags));

        Assert.Equal(code, error.Code);
        Assert.Contains(complaint, error.Message);
    }

    [Theory]
    [InlineData(2UL, 1L, 1L, "there are 1 messages, and the header says 2")]
    [InlineData(0UL, 1L, 1L, "there are more than the 0 messages of the header")]
    [InlineData(ulong.MaxValue, 1L, 1L, "number of messages is impossible")]
    [InlineData(1UL, 2L, 1L, "first record is of 1, and the header says 2")]
    [InlineData(1UL, 1L, 2L, "last record is of 1, and the header says 2")]
    public async Task Counts_and_times_of_the_header_must_be_those_of_the_records(ulong records, long first, long last, string complaint)
    {
        byte[] message = Prefixed([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 9]);
        Assert.Single(await ReadAsync(Forge(message)));

        RabbitBackupException error = await FailAsync(Forge(message, records: records, first: first, last: last));

        Assert.Equal(ErrorCode.SegmentCorrupt, error.Code);
        Assert.Contains(complaint, error.Message);
    }

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    public async Task A_time_that_no_calendar_has_is_refused(long time)
    {
        byte[] message = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 9];
        BinaryPrimitives.WriteInt64LittleEndian(message.AsSpan(1), time);

        Assert.Contains("years 1 to 9999", (await FailAsync(Forge(Prefixed(message), first: time, last: time))).Message);
    }

    [Fact]
    public async Task Times_of_an_empty_segment_are_zero() =>
        Assert.Equal(ErrorCode.SegmentCorrupt, (await FailAsync(Forge([], records: 0, first: 5, last: 0))).Code);

    [Theory]
    [InlineData(new byte[] { 1, 0, 0 }, "at byte 3", "1 bytes more are expected")]
    [InlineData(new byte[] { 0, 0, 0, 0 }, "at byte 0", "a record has 0 bytes")]
    [InlineData(new byte[] { 0xFF, 0xFF, 0xFF, 0xFF, 1 }, "at byte 0", "a record has 4294967295 bytes")]
    [InlineData(new byte[] { 5, 0, 0, 0 }, "at byte 0", "nothing follows")]
    [InlineData(new byte[] { 5, 0, 0, 0, 1, 1 }, "at byte 6", "3 bytes more are expected")]
    [InlineData(new byte[] { 1, 0, 0, 0, 1 }, "at byte 4", "a message has 1 bytes, and needs 16")]
    [InlineData(new byte[] { 1, 0, 0, 0, 2 }, "at byte 4", "a stream chunk has 1 bytes, and needs 33")]
    [InlineData(new byte[] { 1, 0, 0, 0, 0 }, "at byte 4", "kind 0")]
    [InlineData(new byte[] { 16, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0 }, "at byte 14", "an exchange is longer")]
    [InlineData(new byte[] { 16, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0 }, "at byte 15", "a routing key is longer")]
    [InlineData(new byte[] { 16, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF }, "at byte 16", "a property list is longer")]
    public async Task A_malformed_record_is_refused_with_its_position(byte[] payload, string position, string complaint)
    {
        RabbitBackupException error = await FailAsync(Forge(payload));

        Assert.Equal(ErrorCode.SegmentCorrupt, error.Code);
        Assert.Contains(position + " of its uncompressed payload", error.Message);
        Assert.Contains(complaint, error.Message);
    }

    [Theory]
    [InlineData(new byte[] { 1, 0, 0, 0, 3 }, "kind 3")]
    [InlineData(new byte[] { 16, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0 }, "record flags 0x02")]
    public async Task A_record_of_a_later_format_is_refused_as_such(byte[] payload, string what)
    {
        RabbitBackupException error = await FailAsync(Forge(payload));

        Assert.Equal(ErrorCode.FormatTooNew, error.Code);
        Assert.Contains(what, error.Message);
    }

    [Theory]
    [InlineData(0, 1, 1, new byte[] { 0, 0, 0, 1, 9, 0 }, "cut off in its header")]
    [InlineData(0, 2, 1, new byte[] { 0, 0, 0, 1, 9 }, "states 2 entries with 1 messages, and has 1 with 1")]
    [InlineData(0, 1, 2, new byte[] { 0, 0, 0, 1, 9 }, "states 1 entries with 2 messages, and has 1 with 1")]
    [InlineData(0, 1, -1, new byte[] { 0, 0, 0, 1, 9 }, "states 1 entries with 4294967295 messages")]
    [InlineData(0, 0, 0, new byte[0], "no entries")]
    [InlineData(-1, 1, 1, new byte[] { 0, 0, 0, 1, 9 }, "offset of a stream chunk is impossible")]
    [InlineData(long.MaxValue, 1, 1, new byte[] { 0, 0, 0, 1, 9 }, "offset of a stream chunk is impossible")]
    public async Task A_stream_chunk_must_hold_what_it_states(long offset, int entries, int messages, byte[] content, string complaint)
    {
        byte[] record = new byte[33 + content.Length];
        record[0] = 2;
        BinaryPrimitives.WriteInt64LittleEndian(record.AsSpan(1), offset);
        record[9] = 1;
        BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(25), entries);
        BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(29), messages);
        content.CopyTo(record, 33);

        RabbitBackupException error = await FailAsync(Forge(Prefixed(record)));

        Assert.Equal(ErrorCode.SegmentCorrupt, error.Code);
        Assert.Contains(complaint, error.Message);
    }

    [Fact]
    public async Task A_clock_that_was_set_back_is_noted_and_not_refused()
    {
        byte[] segment = Write(RecordFormat.Binary, SegmentCompression.None, [.. Records, Records[0], .. Records]);
        using SegmentReader reader = await OpenAsync(segment);

        bool[] ordered = [.. Enumerable.Range(0, 7).Select(i => reader.TryRead(out SegmentRecord record) && reader.IsTimeOrdered)];

        Assert.Equal([true, true, true, false, false, false, false], ordered);
        Assert.False(reader.TryRead(out _));
    }

    [Fact]
    public async Task After_an_error_the_reader_never_looks_as_if_it_were_at_the_end()
    {
        byte[] good = Prefixed([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 9]);
        using SegmentReader reader = await OpenAsync(Forge([.. good, 0, 0, 0, 0], records: 2));

        Assert.True(reader.TryRead(out _));
        RabbitBackupException first = Assert.Throws<RabbitBackupException>(() => reader.TryRead(out _));
        Assert.Equal(first.Message, Assert.Throws<RabbitBackupException>(() => reader.TryRead(out _)).Message);
    }

    [Fact]
    public async Task After_the_end_it_stays_at_the_end_and_gives_its_memory_back()
    {
        BlockPool pool = new();
        SegmentReader reader = await OpenAsync(Write(RecordFormat.Binary, SegmentCompression.Lz4, Records), new SegmentReadOptions { BlockPool = pool });
        while (reader.TryRead(out _))
        {
        }

        Assert.False(reader.TryRead(out _));
        reader.Dispose();
        reader.Dispose();
        Assert.Equal(0, pool.BlocksInUse);
        Assert.Throws<ObjectDisposedException>(() => reader.TryRead(out _));
        await Assert.ThrowsAsync<RabbitBackupException>(() => OpenAsync([1, 2, 3], new SegmentReadOptions { BlockPool = pool }));
        Assert.Equal(0, pool.BlocksInUse);
    }

    [Fact]
    public async Task Reading_allocates_nothing_for_a_record()
    {
        byte[] segment = Write(RecordFormat.Binary, SegmentCompression.Zstd, Enumerable.Repeat(Records[1], 20_000));
        using SegmentReader reader = await OpenAsync(segment);
        for (int i = 0; i < 5000; i++)
        {
            reader.TryRead(out _);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        while (reader.TryRead(out _))
        {
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public async Task A_cancelled_read_ends_and_gives_its_memory_back()
    {
        BlockPool pool = new();
        using MemoryStream content = new(Write(RecordFormat.Binary, SegmentCompression.None, Records));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => SegmentReader.OpenAsync(content, new SegmentReadOptions { BlockPool = pool }, new CancellationToken(canceled: true)));
        Assert.Equal(0, pool.BlocksInUse);
    }
}
