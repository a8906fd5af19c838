using System.Buffers.Binary;
using System.Diagnostics;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Tests.Messages;
using Xunit;
using ZstdSharp;
using ZstdSharp.Unsafe;
using static RabbitMqBackup.Engine.Tests.Format.TestSegment;

namespace RabbitMqBackup.Engine.Tests.Format;

/// <summary>Segments with a right checksum, made to do harm: caps hold, and nothing but the documented errors comes out.</summary>
public class HostileSegmentTests
{
    private const long Few = 4 << 20;

    public static TheoryData<RecordFormat, SegmentCompression> Kinds => AllKinds;

    [Theory]
    [InlineData(SegmentCompression.None)]
    [InlineData(SegmentCompression.Zstd)]
    [InlineData(SegmentCompression.Lz4)]
    public async Task A_record_that_claims_a_gigabyte_does_not_get_it(SegmentCompression compression)
    {
        byte[] payload = [0, 0, 0, 0x40, 1, 2, 3];
        byte[] segment = Forge(Compress(payload, compression), compression: (int)compression);

        long allocated = await AllocatedAsync(async () => Assert.Contains("bytes more are expected", (await FailAsync(segment)).Message));

        Assert.InRange(allocated, 0, Few);
    }

    [Theory]
    [InlineData(RecordFormat.Binary)]
    [InlineData(RecordFormat.Json)]
    public async Task A_record_beyond_its_cap_is_refused_by_its_length(RecordFormat format)
    {
        byte[] segment = Write(format, SegmentCompression.None, [TestRecord.Message([], [], [0, 0], new byte[5000])]);

        Assert.Contains("and may have 1 to 4000", (await FailAsync(segment, Capped() with { MaxRecordBytes = 4000 })).Message);
    }

    [Theory]
    [InlineData(SegmentCompression.Zstd)]
    [InlineData(SegmentCompression.Lz4)]
    public async Task A_bomb_in_one_record_ends_at_the_cap(SegmentCompression compression)
    {
        byte[] bomb = new byte[64 << 20];
        BinaryPrimitives.WriteInt32LittleEndian(bomb, bomb.Length - 4);
        byte[] segment = Forge(Compress(bomb, compression), compression: (int)compression);
        Assert.InRange(segment.Length, 0, 300_000);

        long allocated = await AllocatedAsync(async () => Assert.Contains("allowed", (await FailAsync(segment, Capped() with { MaxRecordBytes = int.MaxValue })).Message));

        Assert.InRange(allocated, 0, 5 * Few); // the buffer doubles until it is beyond the cap
    }

    [Fact]
    public async Task A_bomb_of_many_records_ends_with_the_count_of_the_header()
    {
        byte[] message = Prefixed([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0]);
        byte[] bomb = new byte[message.Length * 1_000_000];
        for (int i = 0; i < bomb.Length; i += message.Length)
        {
            message.CopyTo(bomb, i);
        }

        byte[] segment = Forge(Compress(bomb, SegmentCompression.Zstd), compression: 1, records: 10);

        Assert.Contains("more than the 10 messages", (await FailAsync(segment)).Message);
        Assert.Contains("bytes that are allowed", (await FailAsync(Forge(Compress(bomb, SegmentCompression.Zstd), compression: 1, records: 1_000_000), Capped())).Message);
    }

    [Fact]
    public async Task A_zstd_window_of_more_than_8_MiB_is_refused()
    {
        using Compressor compressor = new();
        compressor.SetParameter(ZSTD_cParameter.ZSTD_c_windowLog, 24);
        byte[] frame = new byte[1000];
        compressor.WrapStream(new byte[1000], frame, out _, out int begun, isFinalBlock: false);
        compressor.WrapStream([], frame.AsSpan(begun), out _, out int ended, isFinalBlock: true);

        Assert.Contains("window", (await FailAsync(Forge(frame[..(begun + ended)], compression: 1))).Message);
    }

    [Fact]
    public async Task An_LZ4_block_that_states_too_much_is_refused_at_once() =>
        Assert.Contains("at byte 32: ", (await FailAsync(Forge([0xFF, 0xFF, 0xFF, 0xFF, 0], compression: 2), Capped())).Message);

    [Theory]
    [InlineData(new byte[0], "cut off")]
    [InlineData(new byte[] { 4, 0, 0 }, "cut off")]
    [InlineData(new byte[] { 4, 0, 0, 0 }, "cut off")]
    [InlineData(new byte[] { 4, 0, 0, 0, 0x40, 1, 2, 3 }, "cut off")]
    [InlineData(new byte[] { 4, 0, 0, 0, 0xF0, 255 }, "cut off")]
    [InlineData(new byte[] { 4, 0, 0, 0, 0x30, 1, 2, 3 }, "ends 1 bytes before the size that it states")]
    [InlineData(new byte[] { 4, 0, 0, 0, 0x50, 1, 2, 3, 4, 5 }, "goes on beyond the size that it states")]
    [InlineData(new byte[] { 99, 0, 0, 0, 0x10, 1, 0, 0 }, "before its beginning")]
    [InlineData(new byte[] { 99, 0, 0, 0, 0x10, 1, 2, 0 }, "before its beginning")]
    [InlineData(new byte[] { 99, 0, 0, 0, 0x10, 1, 1 }, "cut off")]
    [InlineData(new byte[] { 99, 0, 0, 0, 0x10, 1, 1, 0 }, "cut off")]
    [InlineData(new byte[] { 99, 0, 0, 0, 0x1F, 1, 1, 0, 255, 255 }, "cut off")]
    [InlineData(new byte[] { 99, 0, 0, 0, 0x1F, 1, 1, 0, 255, 0, 0 }, "goes on beyond the size that it states")]
    public async Task A_malformed_LZ4_block_is_refused(byte[] payload, string complaint)
    {
        RabbitBackupException error = await FailAsync(Forge(payload, compression: 2));

        Assert.Equal(ErrorCode.SegmentCorrupt, error.Code);
        Assert.Contains(complaint, error.Message);
    }

    [Theory]
    [InlineData(new byte[0], "cut off")]
    [InlineData(new byte[] { 1, 2, 3, 4, 5, 6 }, "malformed")]
    [InlineData(new byte[] { 0x28, 0xB5, 0x2F, 0xFD }, "cut off")]
    public async Task A_malformed_zstd_frame_is_refused(byte[] payload, string complaint) =>
        Assert.Contains(complaint, (await FailAsync(Forge(payload, compression: 1))).Message);

    [Fact]
    public async Task An_object_without_end_is_read_to_its_cap()
    {
        BlockPool pool = new();
        SegmentReadOptions options = new() { BlockPool = pool, MaxObjectBytes = Few };

        RabbitBackupException error = await Assert.ThrowsAsync<RabbitBackupException>(
            () => SegmentReader.OpenAsync(new Endless(), options, TestContext.Current.CancellationToken));

        Assert.Contains($"at byte {Few}: it goes on beyond", error.Message);
        Assert.Equal(0, pool.BlocksInUse);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Altered_payloads_never_lead_to_another_error_or_to_much_memory(RecordFormat format, SegmentCompression compression)
    {
        Random random = new(20261123);
        TestRecord[] records =
        [
            .. Enumerable.Range(0, 6).Select(i => TestRecord.Message("ex"u8.ToArray(), "key"u8.ToArray(), RawProperties.Any(random), new byte[50], time: i)),
            TestRecord.StreamEntry(9, [0x90, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 8, 9], 6),
        ];
        byte[] good = Write(format, compression, records);
        Stopwatch clock = Stopwatch.StartNew();
        int refused = 0;
        while (clock.ElapsedMilliseconds < 1500)
        {
            byte[] bad = Seal(Mutate(good, random));
            long allocated = await AllocatedAsync(async () =>
            {
                try
                {
                    await ReadAsync(bad, Capped());
                }
                catch (RabbitBackupException e) when (e.Code is ErrorCode.SegmentCorrupt or ErrorCode.FormatTooNew)
                {
                    refused++;
                }
            });
            Assert.InRange(allocated, 0, 3 * Few);
        }

        Assert.InRange(refused, 1, int.MaxValue);
    }

    private static byte[] Mutate(byte[] good, Random random)
    {
        byte[] bad = random.Next(4) switch
        {
            0 => [.. good[..random.Next(32, good.Length - 8)], .. good[^8..]],
            1 => [.. good[..^8], .. good[random.Next(32, good.Length - 8)..]],
            _ => [.. good],
        };
        for (int flips = random.Next(0, 4); flips > 0; flips--)
        {
            // header fields other than the version now and then, the payload mostly
            bad[random.Next(random.Next(10) == 0 ? 5 : 32, Math.Max(33, bad.Length - 8))] = (byte)random.Next(256);
        }

        return bad;
    }

    private static SegmentReadOptions Capped() => new() { BlockPool = Pool, MaxPayloadBytes = Few, MaxRecordBytes = (int)Few };

    private static async Task<long> AllocatedAsync(Func<Task> action)
    {
        // everything below completes without leaving the thread: the content is in memory
        long before = GC.GetAllocatedBytesForCurrentThread();
        await action();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static byte[] Compress(byte[] payload, SegmentCompression compression)
    {
        switch (compression)
        {
            case SegmentCompression.Zstd:
                using (Compressor compressor = new())
                {
                    return compressor.Wrap(payload).ToArray();
                }

            case SegmentCompression.Lz4:
                byte[] block = new byte[4 + K4os.Compression.LZ4.LZ4Codec.MaximumOutputSize(payload.Length)];
                BinaryPrimitives.WriteInt32LittleEndian(block, payload.Length);
                return block[..(4 + K4os.Compression.LZ4.LZ4Codec.Encode(payload, block.AsSpan(4)))];

            default:
                return payload;
        }
    }

    private sealed class Endless : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            buffer.Span.Clear();
            return new(buffer.Length);
        }
    }
}
