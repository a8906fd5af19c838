using System.Buffers.Binary;

namespace RabbitMqBackup.Engine.Messages.Chunks;

/// <summary>
/// Walks the entries in a chunk's data from where they are, without unpacking anything; integers are big-endian:
/// <code>
/// entry   = message | batch
/// message = length:u32 (top bit 0) octets
/// batch   = 1:1 codec:3 unused:4 records:u16 uncompressed:u32 stored:u32 octets
/// </code>
/// </summary>
/// <param name="data">The data, whole.</param>
/// <param name="firstOffset">Offset of the chunk.</param>
internal ref struct ChunkEntryReader(ReadOnlySpan<byte> data, ulong firstOffset)
{
    private const int MessageHeader = 4;
    private const int BatchHeader = 11;
    private readonly ReadOnlySpan<byte> _data = data;
    private int _position;

    /// <summary>Offset of the next entry.</summary>
    internal ulong NextOffset { get; private set; } = firstOffset;

    /// <summary>Bytes walked so far: where the next entry, or what is wrong, begins.</summary>
    internal readonly int Position => _position;

    /// <summary>Takes the next entry; false at the end.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>: an entry does not fit into the data.</exception>
    internal bool TryRead(out ChunkEntry entry) =>
        TryRead(out entry, out string? complaint)
        || (complaint is null ? false : throw Corrupt($"at byte {_position}: the entry at offset {NextOffset} {complaint}"));

    /// <summary>Takes the next entry; false at the end, and where the entry is not whole.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="complaint">What is wrong with the entry at <see cref="Position"/>, or null.</param>
    internal bool TryRead(out ChunkEntry entry, out string? complaint)
    {
        ReadOnlySpan<byte> rest = _data[_position..];
        entry = default;
        complaint = null;
        if (rest.IsEmpty)
        {
            return false;
        }

        bool isBatch = (rest[0] & 0x80) != 0;
        int header = isBatch ? BatchHeader : MessageHeader;
        if (rest.Length < header)
        {
            complaint = "is cut off in its header";
            return false;
        }

        uint length = BinaryPrimitives.ReadUInt32BigEndian(rest[(header - 4)..]);
        if (length > (uint)(rest.Length - header))
        {
            complaint = $"has {length} bytes by its length, and {rest.Length - header} are left";
            return false;
        }

        int size = header + (int)length;
        entry = new ChunkEntry
        {
            FirstOffset = NextOffset,
            IsBatch = isBatch,
            Records = isBatch ? BinaryPrimitives.ReadUInt16BigEndian(rest[1..]) : (ushort)1,
            Codec = isBatch ? (BatchCodec)((rest[0] >> 4) & 7) : BatchCodec.None,
            UncompressedLength = isBatch ? BinaryPrimitives.ReadUInt32BigEndian(rest[3..]) : length,
            Payload = rest.Slice(header, (int)length),
            Wire = rest[..size],
        };
        _position += size;
        NextOffset += entry.Records;
        return true;
    }

    /// <summary>The error for a chunk that does not hold what it should.</summary>
    internal static RabbitBackupException Corrupt(string why, Exception? inner = null) => new(ErrorCode.SegmentCorrupt, $"A chunk of a stream is damaged: {why}.", inner);
}
