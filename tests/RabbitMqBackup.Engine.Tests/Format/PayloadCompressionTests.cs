using System.Buffers.Binary;
using K4os.Compression.LZ4;
using RabbitMqBackup.Engine.Format;
using Xunit;
using ZstdSharp;

namespace RabbitMqBackup.Engine.Tests.Format;

/// <summary>What stands in the object is plain zstd and LZ4: other libraries read it, and what they write is read.</summary>
public class PayloadCompressionTests
{
    public static TheoryData<string, int> Shapes
    {
        get
        {
            TheoryData<string, int> shapes = [];
            foreach (int size in new[] { 0, 1, 4, 5, 12, 13, 100, 65_535, 260_095, 260_096, 260_097, 260_100, 520_192, 1_000_000, 3_333_333 })
            {
                foreach (string kind in new[] { "zeros", "noise", "text", "mixed", "far" })
                {
                    shapes.Add(kind, size);
                }
            }

            return shapes;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void LZ4_blocks_are_read_by_another_decoder(string kind, int size)
    {
        byte[] data = Data(kind, size);
        byte[] block = Compress(data, SegmentCompression.Lz4);
        Assert.Equal(size, BinaryPrimitives.ReadInt32LittleEndian(block));
        Assert.Equal(data, Decompress(block, SegmentCompression.Lz4));
        if (size == 0)
        {
            Assert.Equal([0, 0, 0, 0, 0], block); // what LZ4 has for nothing; this decoder does not take it
            return;
        }

        byte[] decoded = new byte[size];
        Assert.Equal(size, LZ4Codec.Decode(block.AsSpan(4), decoded));
        Assert.Equal(data, decoded);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void LZ4_blocks_of_another_encoder_are_read(string kind, int size)
    {
        byte[] data = Data(kind, size);
        foreach (LZ4Level level in new[] { LZ4Level.L00_FAST, LZ4Level.L09_HC })
        {
            byte[] block = new byte[4 + LZ4Codec.MaximumOutputSize(size)];
            BinaryPrimitives.WriteInt32LittleEndian(block, size);
            int length = size == 0 ? 1 : LZ4Codec.Encode(data, block.AsSpan(4), level);

            Assert.Equal(data, Decompress(block[..(4 + length)], SegmentCompression.Lz4));
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Zstd_frames_are_read_by_another_decoder_and_the_other_way_round(string kind, int size)
    {
        byte[] data = Data(kind, size);
        using Decompressor decompressor = new();
        byte[] decoded = new byte[size];
        Assert.Equal(size, decompressor.Unwrap(Compress(data, SegmentCompression.Zstd), decoded));
        Assert.Equal(data, decoded);

        foreach (int level in new[] { -5, 3, size < 1_000_000 ? 19 : 1 })
        {
            using Compressor compressor = new(level);
            Assert.Equal(data, Decompress(compressor.Wrap(data).ToArray(), SegmentCompression.Zstd));
        }
    }

    [Theory]
    [InlineData(ZstdPayloadCompressor.MinLevel)]
    [InlineData(1)]
    [InlineData(ZstdPayloadCompressor.MaxLevel)]
    public void What_any_level_writes_is_within_what_the_reader_grants(int level)
    {
        byte[] data = Data("far", 20_000_000);

        Assert.Equal(data, Decompress(Compress(data, SegmentCompression.Zstd, level), SegmentCompression.Zstd));
    }

    [Fact]
    public void Zstd_frames_in_a_row_read_as_one()
    {
        byte[] data = Data("text", 300_000);
        byte[] frame = Compress(data, SegmentCompression.Zstd);

        Assert.Equal([.. data, .. data], Decompress([.. frame, .. frame], SegmentCompression.Zstd));
    }

    private static byte[] Compress(byte[] data, SegmentCompression compression, int level = 3)
    {
        BlockPool pool = new();
        using BlockBuffer output = new(pool);
        using PayloadCompressor compressor = PayloadCompressor.Create(
            new SegmentWriterOptions { BlockPool = pool, Compression = compression, CompressionLevel = level }, output);
        Random random = new(data.Length);
        for (int position = 0; position < data.Length;)
        {
            int count = Math.Min(random.Next(1, 300_000), data.Length - position);
            compressor.Write(data.AsSpan(position, count));
            position += count;
        }

        compressor.Complete();
        byte[] bytes = new byte[output.Length];
        output.CopyTo(0, bytes);
        return bytes;
    }

    private static byte[] Decompress(byte[] payload, SegmentCompression compression)
    {
        using BlockBuffer segment = new(new BlockPool());
        segment.Write(new byte[SegmentHeader.Length]);
        segment.Write(payload);
        segment.Write(new byte[SegmentFooter.Length]);
        using PayloadDecompressor decompressor = PayloadDecompressor.Create(compression, segment, 1 << 30, new SegmentFault(null));
        MemoryStream bytes = new();
        byte[] buffer = new byte[100_000];
        int read;
        while ((read = decompressor.Read(buffer)) > 0)
        {
            bytes.Write(buffer, 0, read);
        }

        return bytes.ToArray();
    }

    private static byte[] Data(string kind, int size)
    {
        Random random = new(42);
        byte[] data = new byte[size];
        switch (kind)
        {
            case "noise":
                random.NextBytes(data);
                break;
            case "text":
                for (int i = 0; i < size; i++)
                {
                    data[i] = "the quick brown fox"u8[random.Next(19)];
                }

                break;
            case "mixed":
                for (int start = 0; start < size; start += 7000)
                {
                    if (start / 7000 % 2 == 0)
                    {
                        random.NextBytes(data.AsSpan(start, Math.Min(7000, size - start)));
                    }
                }

                break;
            case "far":
                // repeats at a distance near the largest that LZ4 reaches
                byte[] block = new byte[65_530];
                random.NextBytes(block);
                for (int i = 0; i < size; i++)
                {
                    data[i] = block[i % block.Length];
                }

                break;
        }

        return data;
    }
}
