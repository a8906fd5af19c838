using System.Buffers.Binary;
using System.IO.Hashing;

namespace RabbitMqBackup.Engine.Format;

/// <summary>
/// The last 8 bytes of a segment:
/// <code>
/// 0  4  CRC-32 (ISO-HDLC) of everything before it, u32 little-endian
/// 4  4  KABR
/// </code>
/// </summary>
internal static class SegmentFooter
{
    /// <summary>Bytes of a footer.</summary>
    internal const int Length = 8;

    private static ReadOnlySpan<byte> Magic => "KABR"u8;

    /// <summary>Adds the footer to header and payload.</summary>
    internal static void Append(BlockBuffer segment)
    {
        Span<byte> footer = stackalloc byte[Length];
        BinaryPrimitives.WriteUInt32LittleEndian(footer, Checksum(segment, segment.Length));
        Magic.CopyTo(footer[4..]);
        segment.Write(footer);
    }

    /// <summary>Checks the footer at the end of a segment.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>.</exception>
    internal static void Check(BlockBuffer segment, SegmentFault fault)
    {
        Span<byte> footer = stackalloc byte[Length];
        long position = segment.Length - Length;
        segment.CopyTo(position, footer);
        if (!footer.EndsWith(Magic))
        {
            throw fault.Corrupt(position + 4, "it does not end with KABR: it is cut off, or its end was altered");
        }

        uint stated = BinaryPrimitives.ReadUInt32LittleEndian(footer);
        uint actual = Checksum(segment, position);
        if (stated != actual)
        {
            throw fault.Corrupt(position, $"the checksum there is {stated:x8}, and bytes 0 to {position - 1} have {actual:x8}");
        }
    }

    private static uint Checksum(BlockBuffer segment, long length)
    {
        Crc32 crc = new();
        for (long position = 0; position < length;)
        {
            ReadOnlySpan<byte> part = segment.Read(position).Span;
            part = part[..(int)Math.Min(part.Length, length - position)];
            crc.Append(part);
            position += part.Length;
        }

        return crc.GetCurrentHashAsUInt32();
    }
}
