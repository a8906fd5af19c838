using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Unicode;
using RabbitMqBackup.Engine.Messages;

namespace RabbitMqBackup.Engine.Format;

/// <summary>
/// A property list as JSON, in a form from which the list can be made again byte for byte: members in the order of the wire, and headers as
/// <code>
/// {"name": {"t": type, "v": value}, ...}
/// t true/false | b B s u I i l L T numbers | f d numbers, or the bits in hexadecimal where JSON has no such number | D {"scale", "v"} | V without v
/// S text, or "b64" for "v" where it is not UTF-8 | x "b64" | A an array of such objects | F an object as the headers
/// </code>
/// What can't be made again so (<see cref="IsReproducible"/>) is written raw.
/// </summary>
internal static class JsonPropertyList
{
    private const int MaxNamesCompared = 64;

    /// <summary>
    /// Whether the JSON gives the same bytes: the list is well formed, has one word of flags, nests no deeper than <see cref="PropertyList.MaxDepth"/>,
    /// the names in each of its tables are UTF-8 and differ (looked at in tables of up to 64 fields), and true is 1.
    /// </summary>
    internal static bool IsReproducible(ReadOnlySpan<byte> raw)
    {
        PropertyListReader reader = new(raw);
        if (reader.FlagsLength != 2)
        {
            return false;
        }

        while (reader.TryRead())
        {
            if (reader.Property == BasicProperty.Headers && !AreReproducible(reader.Value, named: true, depth: 1))
            {
                return false;
            }
        }

        return reader.Complaint is null;
    }

    /// <summary>Writes a list for which <see cref="IsReproducible"/> holds.</summary>
    internal static void Write(Utf8JsonWriter writer, ReadOnlySpan<byte> raw)
    {
        writer.WriteStartObject();
        PropertyListReader reader = new(raw);
        while (reader.TryRead())
        {
            ReadOnlySpan<byte> name = Name(reader.Property);
            switch (reader.Property)
            {
                case BasicProperty.Headers:
                    writer.WritePropertyName(name);
                    WriteTable(writer, reader.Value);
                    break;
                case BasicProperty.DeliveryMode or BasicProperty.Priority:
                    writer.WriteNumber(name, (uint)reader.Value[0]);
                    break;
                case BasicProperty.Timestamp:
                    writer.WriteNumber(name, BinaryPrimitives.ReadUInt64BigEndian(reader.Value));
                    break;
                default:
                    WriteText(writer, name, reader.Value);
                    break;
            }
        }

        writer.WriteEndObject();
    }

    /// <summary>Writes a string, as an object with base64 where it is not UTF-8.</summary>
    internal static void WriteText(Utf8JsonWriter writer, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (Utf8.IsValid(value))
        {
            writer.WriteString(name, value);
            return;
        }

        writer.WriteStartObject(name);
        writer.WriteBase64String("b64"u8, value);
        writer.WriteEndObject();
    }

    /// <summary>The member's name of a property.</summary>
    internal static ReadOnlySpan<byte> Name(BasicProperty property) => property switch
    {
        BasicProperty.ContentType => "content_type"u8,
        BasicProperty.ContentEncoding => "content_encoding"u8,
        BasicProperty.Headers => "headers"u8,
        BasicProperty.DeliveryMode => "delivery_mode"u8,
        BasicProperty.Priority => "priority"u8,
        BasicProperty.CorrelationId => "correlation_id"u8,
        BasicProperty.ReplyTo => "reply_to"u8,
        BasicProperty.Expiration => "expiration"u8,
        BasicProperty.MessageId => "message_id"u8,
        BasicProperty.Timestamp => "timestamp"u8,
        BasicProperty.Type => "type"u8,
        BasicProperty.UserId => "user_id"u8,
        BasicProperty.AppId => "app_id"u8,
        _ => "cluster_id"u8,
    };

    private static void WriteTable(Utf8JsonWriter writer, ReadOnlySpan<byte> content)
    {
        writer.WriteStartObject();
        FieldReader fields = new(content, named: true, 0);
        while (fields.TryRead())
        {
            writer.WritePropertyName(fields.Name);
            WriteField(writer, in fields);
        }

        writer.WriteEndObject();
    }

    private static void WriteField(Utf8JsonWriter writer, in FieldReader field)
    {
        ReadOnlySpan<byte> value = field.Value;
        byte type = field.Type;
        writer.WriteStartObject();
        writer.WriteString("t"u8, new ReadOnlySpan<byte>(in type));
        switch (type)
        {
            case (byte)'V':
                break;
            case (byte)'t':
                writer.WriteBoolean("v"u8, value[0] == 1);
                break;
            case (byte)'f' or (byte)'d':
                WriteFloat(writer, type, value);
                break;
            case (byte)'D':
                writer.WriteNumber("scale"u8, (uint)value[0]);
                writer.WriteNumber("v"u8, BinaryPrimitives.ReadUInt32BigEndian(value[1..]));
                break;
            case (byte)'S' when Utf8.IsValid(value):
                writer.WriteString("v"u8, value);
                break;
            case (byte)'S' or (byte)'x':
                writer.WriteBase64String("b64"u8, value);
                break;
            case (byte)'A':
                WriteArray(writer, value);
                break;
            case (byte)'F':
                writer.WritePropertyName("v"u8);
                WriteTable(writer, value);
                break;
            default:
                WriteInteger(writer, type, value);
                break;
        }

        writer.WriteEndObject();
    }

    private static void WriteArray(Utf8JsonWriter writer, ReadOnlySpan<byte> content)
    {
        writer.WriteStartArray("v"u8);
        FieldReader fields = new(content, named: false, 0);
        while (fields.TryRead())
        {
            WriteField(writer, in fields);
        }

        writer.WriteEndArray();
    }

    private static void WriteInteger(Utf8JsonWriter writer, byte type, ReadOnlySpan<byte> value)
    {
        if (type is (byte)'L' or (byte)'T')
        {
            writer.WriteNumber("v"u8, BinaryPrimitives.ReadUInt64BigEndian(value));
            return;
        }

        writer.WriteNumber("v"u8, type switch
        {
            (byte)'b' => (sbyte)value[0],
            (byte)'B' => value[0],
            (byte)'s' => BinaryPrimitives.ReadInt16BigEndian(value),
            (byte)'u' => BinaryPrimitives.ReadUInt16BigEndian(value),
            (byte)'I' => BinaryPrimitives.ReadInt32BigEndian(value),
            (byte)'i' => BinaryPrimitives.ReadUInt32BigEndian(value),
            _ => BinaryPrimitives.ReadInt64BigEndian(value),
        });
    }

    private static void WriteFloat(Utf8JsonWriter writer, byte type, ReadOnlySpan<byte> value)
    {
        bool single = type == (byte)'f';
        double number = single ? BinaryPrimitives.ReadSingleBigEndian(value) : BinaryPrimitives.ReadDoubleBigEndian(value);
        if (!double.IsFinite(number) || (number == 0 && double.IsNegative(number)))
        {
            // JSON has no infinity, and where it has a minus zero many parsers lose its sign
            writer.WriteString("v"u8, Convert.ToHexString(value));
        }
        else if (single)
        {
            writer.WriteNumber("v"u8, (float)number);
        }
        else
        {
            writer.WriteNumber("v"u8, number);
        }
    }

    private static bool AreReproducible(ReadOnlySpan<byte> content, bool named, int depth)
    {
        if (depth > PropertyList.MaxDepth)
        {
            return false;
        }

        FieldReader fields = new(content, named, 0);
        for (int count = 0; fields.TryRead(); count++)
        {
            if (named && (count == MaxNamesCompared || !Utf8.IsValid(fields.Name) || HasName(content[..fields.Position], fields.Name)))
            {
                return false;
            }

            if (fields.Type == (byte)'t' && fields.Value[0] > 1)
            {
                return false;
            }

            if (fields.IsNested && !AreReproducible(fields.Value, fields.Type == (byte)'F', depth + 1))
            {
                return false;
            }
        }

        return fields.Complaint is null;
    }

    private static bool HasName(ReadOnlySpan<byte> content, ReadOnlySpan<byte> name)
    {
        FieldReader fields = new(content, named: true, 0);
        while (fields.TryRead())
        {
            if (fields.Name.SequenceEqual(name))
            {
                return true;
            }
        }

        return false;
    }
}
