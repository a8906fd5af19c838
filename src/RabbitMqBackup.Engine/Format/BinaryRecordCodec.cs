using System.Buffers.Binary;
using RabbitMqBackup.Engine.Messages;

namespace RabbitMqBackup.Engine.Format;

/// <summary>
/// Records of version 2. Behind each record's u32 length, integers little-endian:
/// <code>
/// message       u8 1 | i64 captured at, ms | u8 flags: bit 0 redelivered | u8 length + exchange | u8 length + routing key
///               | u32 length + property list as on the wire | body to the end of the record
/// stream chunk  u8 2 | u64 offset of the first message | i64 the chunk's timestamp, ms | u64 epoch | u32 entries | u32 messages
///               | the entries as on the wire, to the end of the record
/// </code>
/// </summary>
internal static class BinaryRecordCodec
{
    private const int MessageFixed = 1 + 8 + 1 + 1 + 1 + 4;
    private const int ChunkFixed = 1 + 8 + 8 + 8 + 4 + 4;

    /// <summary>Writes a message, of which the exchange and the routing key have 255 bytes at most.</summary>
    internal static void Write(PayloadWriter output, in RecordContent record)
    {
        int names = record.Exchange.Length + record.RoutingKey.Length;
        long length = MessageFixed + names + record.Properties.Length + record.Body.Length;
        Span<byte> head = output.GetSpan(4 + MessageFixed + names);
        BinaryPrimitives.WriteUInt32LittleEndian(head, checked((uint)length));
        head[4] = (byte)SegmentRecordKind.Message;
        BinaryPrimitives.WriteInt64LittleEndian(head[5..], record.CapturedAt);
        head[13] = record.Redelivered ? (byte)1 : (byte)0;
        int position = WriteShortString(head, 14, record.Exchange);
        position = WriteShortString(head, position, record.RoutingKey);
        BinaryPrimitives.WriteInt32LittleEndian(head[position..], record.Properties.Length);
        output.Advance(position + 4);
        output.Write(record.Properties);
        output.Write(record.Body);
    }

    /// <summary>Writes entries of a chunk.</summary>
    internal static void Write(PayloadWriter output, in StreamChunkContent chunk)
    {
        Span<byte> head = output.GetSpan(4 + ChunkFixed);
        BinaryPrimitives.WriteUInt32LittleEndian(head, checked((uint)(ChunkFixed + chunk.Entries.Length)));
        head[4] = (byte)SegmentRecordKind.StreamChunk;
        BinaryPrimitives.WriteInt64LittleEndian(head[5..], chunk.FirstOffset);
        BinaryPrimitives.WriteInt64LittleEndian(head[13..], chunk.Timestamp);
        BinaryPrimitives.WriteInt64LittleEndian(head[21..], chunk.Epoch);
        BinaryPrimitives.WriteInt32LittleEndian(head[29..], chunk.EntryCount);
        BinaryPrimitives.WriteInt32LittleEndian(head[33..], chunk.MessageCount);
        output.Advance(4 + ChunkFixed);
        output.Write(chunk.Entries);
    }

    /// <summary>Reads a record.</summary>
    /// <param name="record">The record without its length.</param>
    /// <param name="position">Where it begins in the uncompressed payload.</param>
    /// <param name="fault">Makes the errors.</param>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/> or <see cref="ErrorCode.FormatTooNew"/>.</exception>
    internal static SegmentRecord Read(ReadOnlyMemory<byte> record, long position, SegmentFault fault) => record.Span[0] switch
    {
        (byte)SegmentRecordKind.Message => ReadMessage(record, position, fault),
        (byte)SegmentRecordKind.StreamChunk => ReadChunk(record, position, fault),
        0 => throw fault.CorruptPayload(position, "a record is of kind 0"),
        byte kind => throw fault.TooNew($"a record of kind {kind} (at byte {position} of its uncompressed payload)"),
    };

    private static SegmentRecord ReadMessage(ReadOnlyMemory<byte> record, long position, SegmentFault fault)
    {
        ReadOnlySpan<byte> span = record.Span;
        if (span.Length < MessageFixed)
        {
            throw fault.CorruptPayload(position, $"a message has {span.Length} bytes, and needs {MessageFixed}");
        }

        if (span[9] > 1)
        {
            throw fault.TooNew($"record flags 0x{span[9]:X2} (at byte {position + 9} of its uncompressed payload)");
        }

        int exchange = 11;
        int routingKeyLength = exchange + span[10];
        if (routingKeyLength >= span.Length)
        {
            throw fault.CorruptPayload(position + 10, "an exchange is longer than its record");
        }

        int routingKey = routingKeyLength + 1;
        int propertiesLength = routingKey + span[routingKeyLength];
        if (propertiesLength + 4 > span.Length)
        {
            throw fault.CorruptPayload(position + routingKeyLength, "a routing key is longer than its record");
        }

        int properties = propertiesLength + 4;
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(span[propertiesLength..]);
        if (length > span.Length - properties)
        {
            throw fault.CorruptPayload(position + propertiesLength, "a property list is longer than its record");
        }

        int body = properties + (int)length;
        return new SegmentRecord
        {
            Kind = SegmentRecordKind.Message,
            CapturedAt = BinaryPrimitives.ReadInt64LittleEndian(span[1..]),
            Messages = 1,
            Redelivered = span[9] == 1,
            Exchange = record[exchange..routingKeyLength],
            RoutingKey = record[routingKey..propertiesLength],
            Properties = record[properties..body],
            Body = record[body..],
        };
    }

    private static SegmentRecord ReadChunk(ReadOnlyMemory<byte> record, long position, SegmentFault fault)
    {
        ReadOnlySpan<byte> span = record.Span;
        if (span.Length < ChunkFixed)
        {
            throw fault.CorruptPayload(position, $"a stream chunk has {span.Length} bytes, and needs {ChunkFixed}");
        }

        SegmentRecord chunk = new()
        {
            Kind = SegmentRecordKind.StreamChunk,
            FirstOffset = BinaryPrimitives.ReadInt64LittleEndian(span[1..]),
            CapturedAt = BinaryPrimitives.ReadInt64LittleEndian(span[9..]),
            Epoch = BinaryPrimitives.ReadInt64LittleEndian(span[17..]),
            EntryCount = BinaryPrimitives.ReadInt32LittleEndian(span[25..]),
            Messages = BinaryPrimitives.ReadInt32LittleEndian(span[29..]),
            Entries = record[ChunkFixed..],
        };
        StreamEntryReader entries = new(span[ChunkFixed..], chunk.FirstOffset);
        int count = 0;
        long messages = 0;
        while (entries.TryRead(out StreamEntry entry))
        {
            count++;
            messages += entry.Messages;
        }

        if (entries.Complaint is not null)
        {
            throw fault.CorruptPayload(position + ChunkFixed + entries.Position, entries.Complaint);
        }

        if (count == 0)
        {
            throw fault.CorruptPayload(position, "a stream chunk has no entries");
        }

        if (count != chunk.EntryCount || messages != chunk.Messages)
        {
            throw fault.CorruptPayload(
                position + 25,
                $"a stream chunk states {(uint)chunk.EntryCount} entries with {(uint)chunk.Messages} messages, and has {count} with {messages}");
        }

        if (chunk.FirstOffset < 0 || chunk.FirstOffset > long.MaxValue - messages)
        {
            throw fault.CorruptPayload(position + 1, "the offset of a stream chunk is impossible");
        }

        return chunk;
    }

    private static int WriteShortString(Span<byte> destination, int position, ReadOnlySpan<byte> value)
    {
        destination[position] = (byte)value.Length;
        value.CopyTo(destination[(position + 1)..]);
        return position + 1 + value.Length;
    }
}
