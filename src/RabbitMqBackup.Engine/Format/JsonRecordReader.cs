using System.Buffers.Binary;
using System.Text.Json;

namespace RabbitMqBackup.Engine.Format;

/// <summary>
/// Reads records of version 1; what they are stands above <see cref="JsonRecordWriter"/>. Members may come in any order, unknown ones are left out.
/// </summary>
internal sealed class JsonRecordReader(SegmentFault fault)
{
    private const int BatchHeader = 11;

    private readonly ScratchBuffer _scratch = new();

    /// <summary>Reads a record; what it gives is valid until the next.</summary>
    /// <param name="record">The record without its length.</param>
    /// <param name="position">Where it begins in the uncompressed payload.</param>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>.</exception>
    internal SegmentRecord Read(ReadOnlySpan<byte> record, long position)
    {
        _scratch.Clear();
        Utf8JsonReader reader = new(record, new JsonReaderOptions { MaxDepth = JsonPropertyListReader.MaxJsonDepth });
        try
        {
            Parts parts = ReadMembers(ref reader);
            reader.Read(); // complains about what follows the object
            return parts.Entry.Start >= 0 ? Chunk(in parts) : Message(ref parts);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw fault.CorruptPayload(position + reader.TokenStartIndex, $"a JSON record can't be understood ({e.Message.TrimEnd('.')})", e);
        }
    }

    private Parts ReadMembers(ref Utf8JsonReader reader)
    {
        Parts parts = new();
        reader.Read();
        JsonValues.Expect(ref reader, JsonTokenType.StartObject);
        while (JsonValues.NextMember(ref reader))
        {
            if (!ReadMessageMember(ref reader, ref parts) && !ReadStreamMember(ref reader, ref parts))
            {
                reader.Read();
                reader.Skip();
            }
        }

        return parts;
    }

    private bool ReadMessageMember(ref Utf8JsonReader reader, ref Parts parts)
    {
        if (reader.ValueTextEquals("exchange"u8))
        {
            parts.Exchange = ReadShortText(ref reader);
        }
        else if (reader.ValueTextEquals("routing_key"u8))
        {
            parts.RoutingKey = ReadShortText(ref reader);
        }
        else if (reader.ValueTextEquals("redelivered"u8))
        {
            reader.Read();
            parts.Redelivered = reader.GetBoolean();
        }
        else if (reader.ValueTextEquals("backed_up_at"u8))
        {
            reader.Read();
            parts.Time = reader.GetInt64();
        }
        else if (reader.ValueTextEquals("properties"u8))
        {
            reader.Read();
            int start = JsonPropertyListReader.Read(ref reader, _scratch);
            parts.Properties = new Part(start, _scratch.Length - start);
        }
        else if (reader.ValueTextEquals("properties_raw"u8))
        {
            parts.Properties = ReadBytes(ref reader, room: 0);
        }
        else if (reader.ValueTextEquals("body"u8))
        {
            parts.Body = ReadBytes(ref reader, room: 0);
        }
        else
        {
            return false;
        }

        return true;
    }

    private bool ReadStreamMember(ref Utf8JsonReader reader, ref Parts parts)
    {
        if (reader.ValueTextEquals("offset"u8))
        {
            reader.Read();
            parts.Offset = reader.GetInt64();
        }
        else if (reader.ValueTextEquals("epoch"u8))
        {
            reader.Read();
            parts.Epoch = reader.GetInt64();
        }
        else if (reader.ValueTextEquals("batch"u8))
        {
            reader.Read();
            ReadBatch(ref reader, ref parts);
        }
        else if (reader.ValueTextEquals("entry"u8))
        {
            parts.Entry = ReadBytes(ref reader, room: BatchHeader);
        }
        else
        {
            return false;
        }

        return true;
    }

    private static void ReadBatch(ref Utf8JsonReader reader, ref Parts parts)
    {
        JsonValues.Expect(ref reader, JsonTokenType.StartObject);
        while (JsonValues.NextMember(ref reader))
        {
            bool type = reader.ValueTextEquals("type"u8);
            bool messages = reader.ValueTextEquals("messages"u8);
            bool size = reader.ValueTextEquals("uncompressed_bytes"u8);
            reader.Read();
            if (type)
            {
                parts.BatchType = reader.GetByte();
            }
            else if (messages)
            {
                parts.BatchMessages = reader.GetUInt16();
            }
            else if (size)
            {
                parts.BatchUncompressed = reader.GetUInt32();
            }
            else
            {
                reader.Skip();
            }
        }

        if (parts.BatchType < 0x80 || parts.BatchMessages == 0)
        {
            throw new JsonException("A batch has no type with its top bit set, or no messages.");
        }
    }

    private Part ReadShortText(ref Utf8JsonReader reader)
    {
        reader.Read();
        int start = _scratch.Length;
        JsonValues.ReadText(ref reader, _scratch);
        int length = _scratch.Length - start;
        return length <= 255 ? new Part(start, length) : throw new FormatException($"A short string has {length} bytes.");
    }

    /// <summary>Reads base64, with room before it for what is put there later.</summary>
    private Part ReadBytes(ref Utf8JsonReader reader, int room)
    {
        reader.Read();
        _scratch.Add(room);
        int start = _scratch.Length;
        JsonValues.ReadBase64(ref reader, _scratch);
        return new Part(start, _scratch.Length - start);
    }

    private SegmentRecord Message(ref Parts parts)
    {
        if (parts.Body.Start < 0 || parts.Time is null)
        {
            throw new JsonException("It has no body (or entry), or no backed_up_at.");
        }

        if (parts.Properties.Start < 0)
        {
            parts.Properties = new Part(_scratch.Length, 2);
            _scratch.Add(2).Clear();
        }

        return new SegmentRecord
        {
            Kind = SegmentRecordKind.Message,
            CapturedAt = parts.Time.Value,
            Messages = 1,
            Redelivered = parts.Redelivered,
            Exchange = Memory(parts.Exchange),
            RoutingKey = Memory(parts.RoutingKey),
            Properties = Memory(parts.Properties),
            Body = Memory(parts.Body),
        };
    }

    private SegmentRecord Chunk(in Parts parts)
    {
        bool batch = parts.BatchMessages > 0;
        int messages = batch ? parts.BatchMessages : 1;
        if (parts.Time is null || parts.Offset is not { } offset || offset < 0 || offset > long.MaxValue - messages)
        {
            throw new JsonException("A stream entry has no backed_up_at, or no possible offset.");
        }

        int header = batch ? BatchHeader : 4;
        int start = parts.Entry.Start - header;
        Span<byte> entry = _scratch.Span(start, header);
        if (batch)
        {
            entry[0] = parts.BatchType;
            BinaryPrimitives.WriteUInt16BigEndian(entry[1..], parts.BatchMessages);
            BinaryPrimitives.WriteUInt32BigEndian(entry[3..], parts.BatchUncompressed);
        }

        BinaryPrimitives.WriteInt32BigEndian(entry[^4..], parts.Entry.Length);
        return new SegmentRecord
        {
            Kind = SegmentRecordKind.StreamChunk,
            CapturedAt = parts.Time.Value,
            Messages = messages,
            FirstOffset = offset,
            Epoch = parts.Epoch,
            EntryCount = 1,
            Entries = _scratch.Memory(start, header + parts.Entry.Length),
        };
    }

    private ReadOnlyMemory<byte> Memory(Part part) => part.Start < 0 ? default : _scratch.Memory(part.Start, part.Length);

    private readonly record struct Part(int Start, int Length);

    /// <summary>What has been read of a record; the parts lie in the scratch buffer, those that are missing begin at -1.</summary>
    private struct Parts()
    {
        internal Part Exchange = new(-1, 0);
        internal Part RoutingKey = new(-1, 0);
        internal Part Properties = new(-1, 0);
        internal Part Body = new(-1, 0);
        internal Part Entry = new(-1, 0);
        internal bool Redelivered;
        internal long? Time;
        internal long? Offset;
        internal long Epoch;
        internal byte BatchType;
        internal ushort BatchMessages;
        internal uint BatchUncompressed;
    }
}
