using System.Buffers.Binary;

namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>
/// Finds x-delivery-count in a raw property list without decoding it.
/// <code>
/// list = flags u16 · [content-type shortstr if bit 15] · [content-encoding shortstr if bit 14] · [headers table if bit 13] · …
/// table = length u32 · (name shortstr · type u8 · value)*
/// </code>
/// A quorum queue writes the header from a message's second delivery on; on a classic queue it is whatever a publisher put there.
/// </summary>
internal static class DeliveryCount
{
    private const ushort ContentType = 1 << 15;
    private const ushort ContentEncoding = 1 << 14;
    private const ushort Headers = 1 << 13;

    /// <summary>The count, or null when there is none or the list can't be followed.</summary>
    /// <param name="properties">The list.</param>
    /// <param name="acquired">A delivery that came back is counted by the other header; see <see cref="ReadPlan.CountsAcquisitions"/>.</param>
    internal static long? Find(ReadOnlySpan<byte> properties, bool acquired = false)
    {
        long? delivered = Find(properties, "x-delivery-count"u8);
        return acquired && Find(properties, "x-acquired-count"u8) is { } count && !(delivered >= count) ? count : delivered;
    }

    /// <summary>Any header that holds a whole number.</summary>
    internal static long? Find(ReadOnlySpan<byte> properties, ReadOnlySpan<byte> header)
    {
        if (properties.Length < 2)
        {
            return null;
        }

        ushort flags = BinaryPrimitives.ReadUInt16BigEndian(properties);
        if ((flags & Headers) == 0)
        {
            return null;
        }

        ReadOnlySpan<byte> rest = properties[2..];

        // Bit 0 says that another flags word follows; the basic class has 14 properties, so one never does, but it would be legal.
        for (ushort word = flags; (word & 1) != 0; rest = rest[2..])
        {
            if (rest.Length < 2)
            {
                return null;
            }

            word = BinaryPrimitives.ReadUInt16BigEndian(rest);
        }

        return ((flags & ContentType) == 0 || SkipShortString(ref rest)) && ((flags & ContentEncoding) == 0 || SkipShortString(ref rest)) ? FindInTable(rest, header) : null;
    }

    private static long? FindInTable(ReadOnlySpan<byte> rest, ReadOnlySpan<byte> header)
    {
        if (rest.Length < 4 || BinaryPrimitives.ReadUInt32BigEndian(rest) is var length && length > (uint)rest.Length - 4)
        {
            return null;
        }

        ReadOnlySpan<byte> table = rest.Slice(4, (int)length);
        while (table.Length > 0)
        {
            int name = table[0];
            if (table.Length < name + 2)
            {
                return null;
            }

            byte type = table[name + 1];
            ReadOnlySpan<byte> value = table[(name + 2)..];
            int size = ValueSize(type, value);
            if (size < 0 || size > value.Length)
            {
                return null;
            }

            if (table.Slice(1, name).SequenceEqual(header))
            {
                return ReadInteger(type, value);
            }

            table = value[size..];
        }

        return null;
    }

    private static bool SkipShortString(ref ReadOnlySpan<byte> rest)
    {
        if (rest.IsEmpty || rest.Length <= rest[0])
        {
            return false;
        }

        rest = rest[(rest[0] + 1)..];
        return true;
    }

    /// <summary>Octets of a field's value, or -1 when the type is unknown or the length is not there.</summary>
    private static int ValueSize(byte type, ReadOnlySpan<byte> value) => (char)type switch
    {
        't' or 'b' or 'B' => 1,
        's' or 'u' or 'U' => 2,
        'I' or 'i' or 'f' => 4,
        'D' => 5,
        'l' or 'L' or 'd' or 'T' => 8,
        'V' => 0,
        'S' or 'x' or 'A' or 'F' when value.Length >= 4 && BinaryPrimitives.ReadUInt32BigEndian(value) is var length && length <= (uint)value.Length - 4 => (int)length + 4,
        _ => -1,
    };

    private static long? ReadInteger(byte type, ReadOnlySpan<byte> value) => (char)type switch
    {
        'b' => (sbyte)value[0],
        'B' => value[0],
        's' or 'U' => BinaryPrimitives.ReadInt16BigEndian(value),
        'u' => BinaryPrimitives.ReadUInt16BigEndian(value),
        'I' => BinaryPrimitives.ReadInt32BigEndian(value),
        'i' => BinaryPrimitives.ReadUInt32BigEndian(value),
        'l' or 'L' => BinaryPrimitives.ReadInt64BigEndian(value),
        _ => null,
    };
}
