using System.Buffers.Binary;
using K4os.Compression.LZ4;

namespace RabbitMqBackup.Engine.Messages.Chunks;

/// <summary>
/// Reads the LZ4 frame format (version 1.6.x of its specification), little-endian:
/// <code>
/// frame = 0x184D2204:u32 FLG:u8 BD:u8 [content-size:u64] [dictionary-id:u32] header-checksum:u8 block* 0:u32 [content-checksum:u32]
/// FLG   = version(2)=01 independent-blocks(1) block-checksum(1) content-size(1) content-checksum(1) 0(1) dictionary-id(1)
/// block = size:u32 (top bit: stored uncompressed) octets [checksum:u32]
/// </code>
/// The frame's checksums are not verified: the chunk's CRC covers the same bytes.
/// </summary>
internal static class Lz4Frame
{
    private const uint Magic = 0x184D2204;
    private const int HistoryBytes = 64 * 1024;

    /// <summary>Unpacks one frame.</summary>
    /// <param name="source">The frame.</param>
    /// <param name="target">Where to.</param>
    /// <returns>Bytes written; -1 where they do not fit.</returns>
    /// <exception cref="InvalidDataException">It is no such frame.</exception>
    internal static int Decompress(ReadOnlySpan<byte> source, Span<byte> target)
    {
        int position = ReadHeader(source, out bool blockChecksums);
        int written = 0;
        while (true)
        {
            uint field = BinaryPrimitives.ReadUInt32LittleEndian(Slice(source, position, 4));
            position += 4;
            if (field == 0)
            {
                return written;
            }

            int size = (int)(field & 0x7FFFFFFF);
            ReadOnlySpan<byte> block = Slice(source, position, size);
            position += size + (blockChecksums ? 4 : 0);
            Span<byte> free = target[written..];
            if (field != (uint)size)
            {
                if (size > free.Length)
                {
                    return -1;
                }

                block.CopyTo(free);
                written += size;
                continue;
            }

            // Where blocks are linked, a block may refer to the 64 KiB before it; where they are not, nothing does.
            ReadOnlySpan<byte> history = target[Math.Max(0, written - HistoryBytes)..written];
            int decoded = LZ4Codec.Decode(block, free, history);
            if (decoded < 0)
            {
                return -1;
            }

            written += decoded;
        }
    }

    private static int ReadHeader(ReadOnlySpan<byte> source, out bool blockChecksums)
    {
        ReadOnlySpan<byte> start = Slice(source, 0, 7);
        byte flags = start[4];
        if (BinaryPrimitives.ReadUInt32LittleEndian(start) != Magic || (flags & 0xC0) != 0x40)
        {
            throw new InvalidDataException("It does not begin as an LZ4 frame does.");
        }

        if ((flags & 0x01) != 0)
        {
            throw new InvalidDataException("The LZ4 frame needs a dictionary.");
        }

        blockChecksums = (flags & 0x10) != 0;
        return 7 + ((flags & 0x08) != 0 ? 8 : 0);
    }

    private static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> source, int start, int length) =>
        start <= source.Length && length <= source.Length - start ? source.Slice(start, length) : throw new InvalidDataException("The LZ4 frame is cut off.");
}
