using System.Buffers.Binary;
using System.IO.Hashing;
using FsCheck;
using FsCheck.Fluent;
using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Messages.Chunks;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker.Streams;

public sealed class FrameAssemblerTests
{
    [Fact]
    public void Frames_are_the_same_in_pieces_of_any_size()
    {
        Gen<int[]> cuts = Gen.ArrayOf(Gen.Choose(1, 60));
        Prop.ForAll(Arb.From(cuts), pieces =>
        {
            byte[] bytes = [.. Heartbeat(), .. Deliver(1, 10, [1, 2, 3, 4, 5]), .. Deliver(2, 15, new byte[300], trailer: 9), .. Heartbeat(), .. Deliver(1, 20, [])];
            Recorder whole = Feed([bytes]);
            Recorder cut = Feed(Cut(bytes, pieces));
            return whole.Events.SequenceEqual(cut.Events) && whole.Events.Count == 10;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Random_bytes_are_refused_or_understood_and_never_anything_else()
    {
        Prop.ForAll(Arb.From(Gen.ArrayOf(Gen.Choose(0, 255).Select(i => (byte)i))), bytes =>
        {
            try
            {
                Feed([bytes]);
                return true;
            }
            catch (RabbitBackupException e)
            {
                return e.Code is ErrorCode.BrokerConnectionLost;
            }
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_changed_byte_in_the_data_is_found_by_the_CRC()
    {
        byte[] data = [.. Enumerable.Range(0, 200).Select(i => (byte)i)];
        Prop.ForAll(Arb.From(Gen.Choose(0, 199)), position =>
        {
            byte[] frame = Deliver(1, 0, data);
            frame[^(200 - position)] ^= 0x10;
            return Feed([frame]).Events[^1] == "end False";
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_trailer_that_the_header_does_not_mention_is_skipped()
    {
        Recorder events = Feed([[.. Deliver(1, 7, [1, 2], trailer: 30), .. Heartbeat()]]);

        Assert.Equal(["chunk 1 7", "data 0102", "end True", "frame Heartbeat"], events.Events);
    }

    [Fact]
    public void A_frame_that_claims_too_much_is_refused_before_anything_is_allocated()
    {
        byte[] frame = new byte[8];
        BinaryPrimitives.WriteUInt32BigEndian(frame, 0x7FFFFFFF);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(4), (ushort)StreamCommand.Metadata | 0x8000);
        long before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Throws<RabbitBackupException>(() => Feed([frame]));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 200_000);
    }

    public static TheoryData<string, byte[]> Malformed => new()
    {
        { "shorter than its key", [0, 0, 0, 3, 0, 23, 0] },
        { "shorter than its key", [0, 0, 0, 0, 0, 23, 0, 1] },
        { "version 3 of Deliver", [0, 0, 0, 200, 0, 8, 0, 3] },
        { "no room for a chunk header", [0, 0, 0, 30, 0, 8, 0, 1] },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public void Malformed_frames_are_named(string why, byte[] bytes)
    {
        RabbitBackupException e = Assert.Throws<RabbitBackupException>(() => Feed([[.. bytes, 0]]));

        Assert.Contains(why, e.Message);
    }

    [Fact]
    public void A_chunk_larger_than_its_frame_is_refused()
    {
        byte[] frame = Deliver(1, 5, [1, 2, 3]);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(8 + 1 + 36), 1000);

        Assert.Contains("claims 1000 bytes", Assert.Throws<RabbitBackupException>(() => Feed([frame])).Message);
    }

    [Theory]
    [InlineData(0, 0x51)]
    [InlineData(1, 3)]
    [InlineData(24, 0xFF)]
    public void A_chunk_header_that_is_none_is_refused(int position, byte value)
    {
        byte[] frame = Deliver(1, 5, [1, 2, 3]);
        frame[8 + 1 + position] = value;

        Assert.Contains("no valid chunk header", Assert.Throws<RabbitBackupException>(() => Feed([frame])).Message);
    }

    [Fact]
    public void A_list_that_claims_more_items_than_its_frame_can_hold_is_refused()
    {
        byte[] content = [0x7F, 0xFF, 0xFF, 0xFF, 0, 0];
        RabbitBackupException e = Assert.Throws<RabbitBackupException>(() => new FrameReader(content).Map());

        Assert.Contains("claims 2147483647 items", e.Message);
    }

    internal static byte[] Deliver(ushort version, ulong firstOffset, byte[] data, int trailer = 0, uint? crc = null, uint records = 1, ChunkType type = ChunkType.User)
    {
        ChunkHeader header = new(type, 1, records, 1000, 1, firstOffset, crc ?? Crc32.HashToUInt32(data), (uint)data.Length, 0, 16);
        byte[] chunk = new byte[ChunkHeader.Length];
        header.Write(chunk);
        FrameWriter writer = new();
        writer.Begin(StreamCommand.Deliver, version);
        writer.Byte(1);
        if (version == 2)
        {
            writer.UInt64(firstOffset);
        }

        writer.Raw(chunk);
        writer.Raw(data);
        writer.Raw(new byte[trailer]);
        writer.End();
        return writer.Written.ToArray();
    }

    private static byte[] Heartbeat()
    {
        FrameWriter writer = new();
        StreamRequests.Heartbeat(writer);
        return writer.Written.ToArray();
    }

    private static Recorder Feed(IEnumerable<byte[]> pieces)
    {
        Recorder recorder = new();
        FrameAssembler assembler = new(recorder);
        foreach (byte[] piece in pieces)
        {
            assembler.Feed(piece);
        }

        return recorder;
    }

    private static IEnumerable<byte[]> Cut(byte[] bytes, int[] lengths)
    {
        int position = 0;
        foreach (int length in lengths)
        {
            int taken = Math.Min(length, bytes.Length - position);
            yield return bytes[position..(position + taken)];
            position += taken;
        }

        yield return bytes[position..];
    }

    /// <summary>Writes events down; neighbouring pieces of data count as one.</summary>
    private sealed class Recorder : IFrameHandler
    {
        internal List<string> Events { get; } = [];

        public void OnFrame(FrameHeader header, ReadOnlySpan<byte> content) => Events.Add($"frame {header.Command}");

        public void OnChunk(byte subscription, in ChunkHeader header) => Events.Add($"chunk {subscription} {header.FirstOffset}");

        public void OnChunkData(ReadOnlySpan<byte> data)
        {
            if (Events[^1].StartsWith("data", StringComparison.Ordinal))
            {
                Events[^1] += Convert.ToHexString(data);
            }
            else
            {
                Events.Add("data " + Convert.ToHexString(data));
            }
        }

        public void OnChunkEnd(bool intact) => Events.Add($"end {intact}");
    }
}
