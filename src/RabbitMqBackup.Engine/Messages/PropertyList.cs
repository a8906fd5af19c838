using System.Buffers.Binary;
using System.Text;

namespace RabbitMqBackup.Engine.Messages;

/// <summary>
/// The basic property list of AMQP 0-9-1 as it is on the wire and in a segment: u16 property flags, then the properties present, big-endian.
/// Nothing here allocates but <see cref="Parse"/>.
/// </summary>
internal static class PropertyList
{
    /// <summary>How deep field tables and arrays may be nested in what is decoded: the headers are level 1.</summary>
    internal const int MaxDepth = 64;

    private const ulong LastSecond = 253_402_300_799; // 9999-12-31T23:59:59Z, where DateTimeOffset ends

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Decodes a list for people and filters.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>, with the position in the list.</exception>
    internal static MessageProperties Parse(ReadOnlySpan<byte> raw)
    {
        MessageProperties properties = new();
        PropertyListReader reader = new(raw);
        while (reader.TryRead())
        {
            properties = reader.Property switch
            {
                BasicProperty.ContentType => properties with { ContentType = Text(reader.Value) },
                BasicProperty.ContentEncoding => properties with { ContentEncoding = Text(reader.Value) },
                BasicProperty.Headers => properties with { Headers = Table(reader.Value, reader.ValuePosition, depth: 1) },
                BasicProperty.DeliveryMode => properties with { DeliveryMode = reader.Value[0] },
                BasicProperty.Priority => properties with { Priority = reader.Value[0] },
                BasicProperty.CorrelationId => properties with { CorrelationId = Text(reader.Value) },
                BasicProperty.ReplyTo => properties with { ReplyTo = Text(reader.Value) },
                BasicProperty.Expiration => properties with { Expiration = Text(reader.Value) },
                BasicProperty.MessageId => properties with { MessageId = Text(reader.Value) },
                BasicProperty.Timestamp => properties with { Timestamp = Time(BinaryPrimitives.ReadUInt64BigEndian(reader.Value)) },
                BasicProperty.Type => properties with { Type = Text(reader.Value) },
                BasicProperty.UserId => properties with { UserId = Text(reader.Value) },
                BasicProperty.AppId => properties with { AppId = Text(reader.Value) },
                _ => properties with { ClusterId = Text(reader.Value) },
            };
        }

        reader.ThrowIfMalformed();
        return properties;
    }

    /// <summary>Checks a list to its last nested field.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>, with the position in the list.</exception>
    internal static void Check(ReadOnlySpan<byte> raw)
    {
        PropertyListReader reader = new(raw);
        while (reader.TryRead())
        {
            if (reader.Property == BasicProperty.Headers)
            {
                CheckFields(reader.Value, named: true, reader.ValuePosition, depth: 1);
            }
        }

        reader.ThrowIfMalformed();
    }

    /// <summary>
    /// A header that is an integer of any width (b B s u I i l L). False where there is none of that name and kind, or the list is malformed.
    /// </summary>
    internal static bool TryGetHeader(ReadOnlySpan<byte> raw, ReadOnlySpan<byte> name, out long value)
    {
        value = 0;
        return FindHeader(raw, name, out byte type, out ReadOnlySpan<byte> field) && TryGetInteger(type, field, out value);
    }

    /// <summary>Whether there is a header of this name, of any type. False where the list is malformed.</summary>
    internal static bool HasHeader(ReadOnlySpan<byte> raw, ReadOnlySpan<byte> name) => FindHeader(raw, name, out _, out _);

    private static bool FindHeader(ReadOnlySpan<byte> raw, ReadOnlySpan<byte> name, out byte type, out ReadOnlySpan<byte> value)
    {
        PropertyListReader reader = new(raw);
        while (reader.TryRead() && reader.Property >= BasicProperty.Headers)
        {
            if (reader.Property != BasicProperty.Headers)
            {
                continue;
            }

            FieldReader headers = new(reader.Value, named: true, reader.ValuePosition);
            while (headers.TryRead())
            {
                if (headers.Name.SequenceEqual(name))
                {
                    type = headers.Type;
                    value = headers.Value;
                    return true;
                }
            }
        }

        type = 0;
        value = default;
        return false;
    }

    private static bool TryGetInteger(byte type, ReadOnlySpan<byte> field, out long value)
    {
        value = type switch
        {
            (byte)'b' => (sbyte)field[0],
            (byte)'B' => field[0],
            (byte)'s' => BinaryPrimitives.ReadInt16BigEndian(field),
            (byte)'u' => BinaryPrimitives.ReadUInt16BigEndian(field),
            (byte)'I' => BinaryPrimitives.ReadInt32BigEndian(field),
            (byte)'i' => BinaryPrimitives.ReadUInt32BigEndian(field),
            (byte)'l' or (byte)'L' => BinaryPrimitives.ReadInt64BigEndian(field),
            _ => 0,
        };
        return type is (byte)'b' or (byte)'B' or (byte)'s' or (byte)'u' or (byte)'I' or (byte)'i' or (byte)'l' || (type == (byte)'L' && value >= 0);
    }

    private static void CheckFields(ReadOnlySpan<byte> content, bool named, int position, int depth)
    {
        CheckDepth(depth, position);
        FieldReader fields = new(content, named, position);
        while (fields.TryRead())
        {
            if (fields.IsNested)
            {
                CheckFields(fields.Value, fields.Type == (byte)'F', fields.ValuePosition, depth + 1);
            }
        }

        fields.ThrowIfMalformed();
    }

    private static Dictionary<string, object?> Table(ReadOnlySpan<byte> content, int position, int depth)
    {
        CheckDepth(depth, position);
        Dictionary<string, object?> table = [];
        FieldReader fields = new(content, named: true, position);
        while (fields.TryRead())
        {
            // of two fields with one name the first counts, as in the broker
            table.TryAdd(Text(fields.Name), Decode(in fields, depth));
        }

        fields.ThrowIfMalformed();
        return table;
    }

    private static List<object?> Array(ReadOnlySpan<byte> content, int position, int depth)
    {
        CheckDepth(depth, position);
        List<object?> array = [];
        FieldReader fields = new(content, named: false, position);
        while (fields.TryRead())
        {
            array.Add(Decode(in fields, depth));
        }

        fields.ThrowIfMalformed();
        return array;
    }

    private static object? Decode(in FieldReader field, int depth) => field.Type switch
    {
        (byte)'t' => field.Value[0] != 0,
        (byte)'b' => (sbyte)field.Value[0],
        (byte)'B' => field.Value[0],
        (byte)'s' => BinaryPrimitives.ReadInt16BigEndian(field.Value),
        (byte)'u' => BinaryPrimitives.ReadUInt16BigEndian(field.Value),
        (byte)'I' => BinaryPrimitives.ReadInt32BigEndian(field.Value),
        (byte)'i' => BinaryPrimitives.ReadUInt32BigEndian(field.Value),
        (byte)'l' => BinaryPrimitives.ReadInt64BigEndian(field.Value),
        (byte)'L' => BinaryPrimitives.ReadUInt64BigEndian(field.Value),
        (byte)'f' => BinaryPrimitives.ReadSingleBigEndian(field.Value),
        (byte)'d' => BinaryPrimitives.ReadDoubleBigEndian(field.Value),
        (byte)'D' => Decimal(field.Value[0], BinaryPrimitives.ReadUInt32BigEndian(field.Value[1..])),
        (byte)'S' => TextOrBytes(field.Value),
        (byte)'x' => field.Value.ToArray(),
        (byte)'T' => TimeOrSeconds(BinaryPrimitives.ReadUInt64BigEndian(field.Value)),
        (byte)'A' => Array(field.Value, field.ValuePosition, depth + 1),
        (byte)'F' => Table(field.Value, field.ValuePosition, depth + 1),
        _ => null,
    };

    private static object Decimal(byte scale, uint value) =>
        scale <= 28 ? new decimal((int)value, 0, 0, isNegative: false, scale) : value / Math.Pow(10, scale);

    private static object TextOrBytes(ReadOnlySpan<byte> value)
    {
        try
        {
            return Strict.GetString(value);
        }
        catch (DecoderFallbackException)
        {
            return value.ToArray();
        }
    }

    private static DateTimeOffset? Time(ulong seconds) => seconds <= LastSecond ? DateTimeOffset.FromUnixTimeSeconds((long)seconds) : null;

    private static object TimeOrSeconds(ulong seconds) => seconds <= LastSecond ? DateTimeOffset.FromUnixTimeSeconds((long)seconds) : seconds;

    private static string Text(ReadOnlySpan<byte> value) => Encoding.UTF8.GetString(value);

    private static void CheckDepth(int depth, int position)
    {
        if (depth > MaxDepth)
        {
            Malformed.Throw("property list of a message", position, $"tables and arrays are nested deeper than {MaxDepth} levels");
        }
    }
}
