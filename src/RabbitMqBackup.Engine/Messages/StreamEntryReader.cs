using System.Buffers.Binary;

namespace RabbitMqBackup.Engine.Messages;

/// <summary>
/// Walks the entries of a stream's chunk from where they are; nothing is copied or decompressed. RabbitMQ stream protocol, integers big-endian:
/// <code>
/// message  u32 length (top bit 0), AMQP 1.0 encoded message
/// batch    u8 type (top bit 1, then 3 bits of codec), u16 messages, u32 uncompressed size, u32 size, data
/// </code>
/// <see cref="TryRead"/> ends with false at the end and where the entries are malformed; <see cref="Complaint"/> tells which.
/// </summary>
internal ref struct StreamEntryReader
{
    private const int BatchHeader = 11;

    private readonly ReadOnlySpan<byte> _entries;
    private long _offset;

    /// <summary>Walks entries.</summary>
    /// <param name="entries">The entries as they came.</param>
    /// <param name="firstOffset">Offset of the first message.</param>
    internal StreamEntryReader(ReadOnlySpan<byte> entries, long firstOffset)
    {
        _entries = entries;
        _offset = firstOffset;
    }

    /// <summary>What is wrong, or null.</summary>
    internal string? Complaint { get; private set; }

    /// <summary>Bytes walked so far: where the next entry, or what is wrong, begins.</summary>
    internal int Position { get; private set; }

    /// <summary>Goes to the next entry; false at the end or where the entries are malformed.</summary>
    internal bool TryRead(out StreamEntry entry)
    {
        entry = default;
        ReadOnlySpan<byte> rest = _entries[Position..];
        if (rest.IsEmpty || Complaint is not null)
        {
            return false;
        }

        bool batch = (rest[0] & 0x80) != 0;
        int header = batch ? BatchHeader : 4;
        if (rest.Length < header)
        {
            return Fail("an entry is cut off in its header");
        }

        uint length = BinaryPrimitives.ReadUInt32BigEndian(batch ? rest[7..] : rest);
        int messages = batch ? BinaryPrimitives.ReadUInt16BigEndian(rest[1..]) : 1;
        if (length > rest.Length - header)
        {
            return Fail($"an entry has {length} bytes by its length, and {rest.Length - header} are left");
        }

        if (messages == 0)
        {
            return Fail("a batch holds no message");
        }

        int size = header + (int)length;
        entry = new StreamEntry
        {
            Offset = _offset,
            Messages = messages,
            BatchType = batch ? rest[0] : (byte)0,
            UncompressedBytes = batch ? BinaryPrimitives.ReadUInt32BigEndian(rest[3..]) : 0,
            Data = rest[header..size],
            Raw = rest[..size],
        };
        _offset += messages;
        Position += size;
        return true;
    }

    /// <summary>Throws where the entries are malformed.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>.</exception>
    internal readonly void ThrowIfMalformed()
    {
        if (Complaint is not null)
        {
            Malformed.Throw("stream chunk", Position, Complaint);
        }
    }

    private bool Fail(string complaint)
    {
        Complaint = complaint;
        return false;
    }
}
