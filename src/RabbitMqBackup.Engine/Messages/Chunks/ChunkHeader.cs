using System.Buffers.Binary;

namespace RabbitMqBackup.Engine.Messages.Chunks;

/// <summary>
/// Header of a chunk of a stream (osiris), 48 bytes, big-endian:
/// <code>
/// u8 0x50 (magic 5, version 0) | u8 type | u16 entries | u32 records | i64 timestamp, ms | u64 epoch | u64 first offset
/// u32 CRC-32 (ISO-HDLC) of the data | u32 data length | u32 trailer length | u8 bloom size | u24 reserved
/// </code>
/// A record is a message; an entry is one message or a batch of them. The trailer's length tells what lies on the broker's disk, not what was sent.
/// </summary>
/// <param name="Type">What the chunk holds.</param>
/// <param name="Entries">Entries in the data.</param>
/// <param name="Records">Messages; the next chunk begins at <see cref="NextOffset"/>.</param>
/// <param name="Timestamp">Time of writing, ms since 1970 UTC.</param>
/// <param name="Epoch">The leader's term.</param>
/// <param name="FirstOffset">Offset of the first message; also the chunk's id.</param>
/// <param name="Crc">CRC-32 of the data.</param>
/// <param name="DataLength">Bytes of the data.</param>
/// <param name="TrailerLength">Bytes of the trailer on the broker's disk.</param>
/// <param name="BloomSize">Bytes of the filter on the broker's disk.</param>
internal readonly record struct ChunkHeader(
    ChunkType Type, ushort Entries, uint Records, long Timestamp, ulong Epoch, ulong FirstOffset, uint Crc, uint DataLength, uint TrailerLength, byte BloomSize)
{
    /// <summary>Length on the wire.</summary>
    internal const int Length = 48;

    private const byte Magic = 0x50;

    /// <summary>Offset of the message after the chunk.</summary>
    internal ulong NextOffset => FirstOffset + Records;

    /// <summary>Reads a header.</summary>
    /// <param name="source">At least <see cref="Length"/> bytes.</param>
    /// <param name="header">The header.</param>
    /// <returns>False where it is none: another magic or version, an unknown type, or an offset beyond 2^63. Counts of 0 are let pass: old brokers store batches that claim none.</returns>
    internal static bool TryRead(ReadOnlySpan<byte> source, out ChunkHeader header)
    {
        header = default;
        if (source.Length < Length || source[0] != Magic || source[1] > (byte)ChunkType.TrackingSnapshot)
        {
            return false;
        }

        header = new ChunkHeader(
            (ChunkType)source[1],
            BinaryPrimitives.ReadUInt16BigEndian(source[2..]),
            BinaryPrimitives.ReadUInt32BigEndian(source[4..]),
            BinaryPrimitives.ReadInt64BigEndian(source[8..]),
            BinaryPrimitives.ReadUInt64BigEndian(source[16..]),
            BinaryPrimitives.ReadUInt64BigEndian(source[24..]),
            BinaryPrimitives.ReadUInt32BigEndian(source[32..]),
            BinaryPrimitives.ReadUInt32BigEndian(source[36..]),
            BinaryPrimitives.ReadUInt32BigEndian(source[40..]),
            source[44]);
        return header.FirstOffset <= long.MaxValue - uint.MaxValue;
    }

    /// <summary>Writes the header as a broker would.</summary>
    /// <param name="destination">At least <see cref="Length"/> bytes.</param>
    internal void Write(Span<byte> destination)
    {
        destination[..Length].Clear();
        destination[0] = Magic;
        destination[1] = (byte)Type;
        BinaryPrimitives.WriteUInt16BigEndian(destination[2..], Entries);
        BinaryPrimitives.WriteUInt32BigEndian(destination[4..], Records);
        BinaryPrimitives.WriteInt64BigEndian(destination[8..], Timestamp);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], Epoch);
        BinaryPrimitives.WriteUInt64BigEndian(destination[24..], FirstOffset);
        BinaryPrimitives.WriteUInt32BigEndian(destination[32..], Crc);
        BinaryPrimitives.WriteUInt32BigEndian(destination[36..], DataLength);
        BinaryPrimitives.WriteUInt32BigEndian(destination[40..], TrailerLength);
        destination[44] = BloomSize;
    }
}
