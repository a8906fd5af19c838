using FsCheck;
using FsCheck.Fluent;
using K4os.Compression.LZ4;
using K4os.Compression.LZ4.Streams;
using RabbitMqBackup.Engine.Messages.Chunks;
using RabbitMqBackup.Engine.Tests.Broker.Streams;
using Snappier;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Messages.Chunks;

public sealed class ChunkMessagesTests
{
    public static TheoryData<int> Codecs => [0, 1, 2, 3, 4];

    [Theory]
    [MemberData(nameof(Codecs))]
    public void Messages_of_a_batch_come_out_with_their_offsets(int codec)
    {
        byte[][] messages = [[], [1], new byte[200_000], [.. Enumerable.Range(0, 5000).Select(i => (byte)(i * 7))]];
        byte[] data = [.. TestEntries.Plain([9]), .. TestEntries.Batch((BatchCodec)codec, messages), .. TestEntries.Plain([8])];

        List<(ulong Offset, byte[] Message)> seen = Visit(data, 1000);

        Assert.Equal([[9], .. messages, [8]], seen.Select(m => m.Message));
        Assert.Equal([1000UL, 1001UL, 1002UL, 1003UL, 1004UL, 1005UL], seen.Select(m => m.Offset));
    }

    [Fact]
    public void A_snappy_batch_may_be_one_raw_block()
    {
        byte[] plain = TestEntries.Plain(new byte[1000]);

        Assert.Equal(1000, Assert.Single(Visit(TestEntries.RawBatch(2, 1, (uint)plain.Length, Snappy.CompressToArray(plain)), 0)).Message.Length);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public void LZ4_frames_with_linked_blocks_and_checksums_are_read(bool linked, bool checksums)
    {
        byte[] plain = TestEntries.Plain([.. Enumerable.Range(0, 400_000).Select(i => (byte)(i % 251 ^ (i >> 9)))]);
        MemoryStream target = new();
        LZ4EncoderSettings settings = new() { ChainBlocks = linked, BlockSize = 65536, ContentChecksum = checksums, BlockChecksum = checksums, CompressionLevel = LZ4Level.L09_HC };
        using (Stream packer = LZ4Stream.Encode(target, settings, leaveOpen: true))
        {
            packer.Write(plain);
        }

        Assert.Equal(plain[4..], Assert.Single(Visit(TestEntries.RawBatch(3, 1, (uint)plain.Length, target.ToArray()), 0)).Message);
    }

    [Theory]
    [MemberData(nameof(Codecs))]
    public void A_batch_that_lies_about_its_size_is_damaged(int codec)
    {
        byte[] plain = TestEntries.Plain(new byte[1000]);
        byte[] stored = TestEntries.Compress((BatchCodec)codec, plain);
        foreach (uint claimed in (uint[])[(uint)plain.Length - 1, (uint)plain.Length + 1, 0])
        {
            if (codec == 0 && claimed != 0)
            {
                // Without compression the stored size rules; the other is only information.
                continue;
            }

            byte[] data = TestEntries.RawBatch((byte)codec, 1, claimed, stored);
            if (codec == 0)
            {
                Assert.Single(Visit(data, 7));
                continue;
            }

            RabbitBackupException e = Assert.Throws<RabbitBackupException>(() => Visit(data, 7));
            Assert.Equal(ErrorCode.SegmentCorrupt, e.Code);
            Assert.Contains("offset 7", e.Message);
        }
    }

    [Fact]
    public void A_decompression_bomb_is_refused_before_anything_is_allocated()
    {
        byte[] data = TestEntries.RawBatch(1, 1, 0xFFFF_FFFF, [1, 2, 3]);
        long before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Contains("more than the", Assert.Throws<RabbitBackupException>(() => Visit(data, 0)).Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Fact]
    public void A_batch_with_fewer_messages_than_it_claims_is_damaged()
    {
        byte[] plain = TestEntries.Plain([1, 2, 3]);

        Assert.Contains("ends in message 1", Assert.Throws<RabbitBackupException>(() => Visit(TestEntries.RawBatch(0, 2, (uint)plain.Length, plain), 0)).Message);
    }

    [Fact]
    public void Damaged_chunks_end_in_an_error_and_nothing_else()
    {
        byte[] sound = [.. Enumerable.Range(0, 5).SelectMany(c => TestEntries.Batch((BatchCodec)c, new byte[50], new byte[60])), .. TestEntries.Plain(new byte[20])];
        Gen<(int, int, int)> damage = Gen.Choose(0, sound.Length - 1).SelectMany(p => Gen.Choose(0, 255).SelectMany(v => Gen.Choose(0, sound.Length).Select(l => (p, v, l))));
        Prop.ForAll(Arb.From(damage), d =>
        {
            (int position, int value, int length) = d;
            byte[] damaged = [.. sound];
            damaged[position] = (byte)value;
            try
            {
                Visit(damaged[..length], 0);
                return true;
            }
            catch (RabbitBackupException e)
            {
                return e.Code is ErrorCode.SegmentCorrupt;
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Fact]
    public void Entries_are_handed_on_as_they_lie_in_the_chunk()
    {
        byte[] data = [.. TestEntries.Plain([1, 2]), .. TestEntries.RawBatch(7, 300, 5, [9, 9]), .. TestEntries.Plain([])];
        ChunkEntryReader entries = new(data, 10);
        List<byte> wire = [];
        List<(ulong, ushort, bool)> facts = [];
        while (entries.TryRead(out ChunkEntry entry))
        {
            wire.AddRange(entry.Wire);
            facts.Add((entry.FirstOffset, entry.Records, entry.IsWellFormed));
        }

        Assert.Equal(data, wire);
        Assert.Equal([(10, 1, true), (11, 300, false), (311, 1, true)], facts);
    }

    private static List<(ulong Offset, byte[] Message)> Visit(byte[] data, ulong first)
    {
        List<(ulong, byte[])> seen = [];
        ChunkMessages.Visit(data, first, (offset, message) =>
        {
            seen.Add((offset, message.ToArray()));
            return true;
        });
        return seen;
    }
}
