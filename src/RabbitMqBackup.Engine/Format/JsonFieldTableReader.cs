using System.Buffers.Binary;
using System.Text.Json;

namespace RabbitMqBackup.Engine.Format;

/// <summary>Makes field tables from the JSON that <see cref="JsonPropertyList"/> describes; errors as in <see cref="JsonValues"/>.</summary>
internal static class JsonFieldTableReader
{
    /// <summary>Adds a field table with its length.</summary>
    /// <param name="reader">At the beginning of the object; at its end afterwards.</param>
    /// <param name="scratch">Takes the table.</param>
    internal static void ReadTable(ref Utf8JsonReader reader, ScratchBuffer scratch)
    {
        JsonValues.Expect(ref reader, JsonTokenType.StartObject);
        int start = scratch.Length;
        scratch.Add(4);
        while (JsonValues.NextMember(ref reader))
        {
            int name = scratch.Length;
            scratch.AddByte(0);
            JsonValues.CopyString(ref reader, scratch);
            scratch.Span(name, 1)[0] = JsonValues.ShortLength(scratch.Length - name - 1);
            reader.Read();
            ReadField(ref reader, scratch);
        }

        scratch.EndLength(start);
    }

    private static void ReadField(ref Utf8JsonReader reader, ScratchBuffer scratch)
    {
        byte type = PeekType(reader);
        scratch.AddByte(type);
        int start = scratch.Length;
        Span<byte> scale = stackalloc byte[1];
        scale.Clear();
        while (JsonValues.NextMember(ref reader))
        {
            bool value = reader.ValueTextEquals("v"u8);
            bool bytes = !value && reader.ValueTextEquals("b64"u8);
            bool isScale = !value && !bytes && reader.ValueTextEquals("scale"u8);
            reader.Read();
            if (bytes && type is (byte)'S' or (byte)'x')
            {
                scratch.Shorten(start);
                scratch.Add(4);
                JsonValues.ReadBase64(ref reader, scratch);
                scratch.EndLength(start);
            }
            else if (value)
            {
                scratch.Shorten(start);
                ReadValue(ref reader, type, scratch);
            }
            else if (isScale)
            {
                scale[0] = reader.GetByte();
            }
            else
            {
                reader.Skip();
            }
        }

        if (scratch.Length == start && type != (byte)'V')
        {
            throw new JsonException($"A field of type {(char)type} has no value.");
        }

        if (type == (byte)'D')
        {
            scratch.Span(start, 1)[0] = scale[0];
        }
    }

    private static void ReadValue(ref Utf8JsonReader reader, byte type, ScratchBuffer scratch)
    {
        switch (type)
        {
            case (byte)'t':
                scratch.AddByte(reader.GetBoolean() ? (byte)1 : (byte)0);
                break;
            case (byte)'b':
                scratch.AddByte((byte)reader.GetSByte());
                break;
            case (byte)'B':
                scratch.AddByte(reader.GetByte());
                break;
            case (byte)'s':
                BinaryPrimitives.WriteInt16BigEndian(scratch.Add(2), reader.GetInt16());
                break;
            case (byte)'u':
                BinaryPrimitives.WriteUInt16BigEndian(scratch.Add(2), reader.GetUInt16());
                break;
            case (byte)'I':
                BinaryPrimitives.WriteInt32BigEndian(scratch.Add(4), reader.GetInt32());
                break;
            case (byte)'i':
                BinaryPrimitives.WriteUInt32BigEndian(scratch.Add(4), reader.GetUInt32());
                break;
            case (byte)'l':
                BinaryPrimitives.WriteInt64BigEndian(scratch.Add(8), reader.GetInt64());
                break;
            case (byte)'L' or (byte)'T':
                BinaryPrimitives.WriteUInt64BigEndian(scratch.Add(8), reader.GetUInt64());
                break;
            case (byte)'D':
                BinaryPrimitives.WriteUInt32BigEndian(scratch.Add(5)[1..], reader.GetUInt32());
                break;
            case (byte)'f' or (byte)'d':
                ReadFloat(ref reader, type, scratch);
                break;
            case (byte)'V' or (byte)'x':
                throw new JsonException($"A field of type {(char)type} has a member v.");
            case (byte)'F':
                ReadTable(ref reader, scratch);
                break;
            case (byte)'A':
                ReadArray(ref reader, scratch);
                break;
            default:
                int start = scratch.Length;
                scratch.Add(4);
                JsonValues.ReadString(ref reader, scratch);
                scratch.EndLength(start);
                break;
        }
    }

    private static void ReadArray(ref Utf8JsonReader reader, ScratchBuffer scratch)
    {
        JsonValues.Expect(ref reader, JsonTokenType.StartArray);
        int start = scratch.Length;
        scratch.Add(4);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            ReadField(ref reader, scratch);
        }

        scratch.EndLength(start);
    }

    private static void ReadFloat(ref Utf8JsonReader reader, byte type, ScratchBuffer scratch)
    {
        Span<byte> room = scratch.Add(type == (byte)'f' ? 4 : 8);
        if (reader.TokenType == JsonTokenType.String)
        {
            // minus zero, infinities and what is no number, by their bits
            byte[] bits = Convert.FromHexString(reader.GetString()!);
            if (bits.Length != room.Length)
            {
                throw new FormatException($"The bits of a field of type {(char)type} are {bits.Length} bytes.");
            }

            bits.CopyTo(room);
        }
        else if (type == (byte)'f')
        {
            BinaryPrimitives.WriteSingleBigEndian(room, reader.GetSingle());
        }
        else
        {
            BinaryPrimitives.WriteDoubleBigEndian(room, reader.GetDouble());
        }
    }

    /// <summary>The type of a field, wherever it stands in the object; the reader is a copy.</summary>
    private static byte PeekType(Utf8JsonReader reader)
    {
        JsonValues.Expect(ref reader, JsonTokenType.StartObject);
        while (JsonValues.NextMember(ref reader))
        {
            bool type = reader.ValueTextEquals("t"u8);
            reader.Read();
            if (!type)
            {
                reader.Skip();
            }
            else if (reader.TokenType == JsonTokenType.String && reader.ValueSpan.Length == 1 && "tbBsuIilLfdDSxTAFV"u8.Contains(reader.ValueSpan[0]))
            {
                return reader.ValueSpan[0];
            }
            else
            {
                break;
            }
        }

        throw new JsonException("A field has no type, or one that does not exist.");
    }
}
