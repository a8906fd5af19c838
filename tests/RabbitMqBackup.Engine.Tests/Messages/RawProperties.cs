using System.Buffers.Binary;
using System.Text;

namespace RabbitMqBackup.Engine.Tests.Messages;

/// <summary>Builds property lists by hand, octet for octet, also such as no client would write.</summary>
internal static class RawProperties
{
    /// <summary>A list: flags, then the parts as they are.</summary>
    internal static byte[] List(int flags, params byte[][] parts) => [(byte)(flags >> 8), (byte)flags, .. parts.SelectMany(part => part)];

    /// <summary>A list with headers only.</summary>
    internal static byte[] Headers(params byte[][] fields) => List(1 << 13, Table(fields));

    internal static byte[] Short(string text) => Short(Encoding.UTF8.GetBytes(text));

    internal static byte[] Short(byte[] bytes) => [(byte)bytes.Length, .. bytes];

    /// <summary>A table with its length, of fields made by <see cref="Field(string, char, byte[])"/>.</summary>
    internal static byte[] Table(params byte[][] fields) => Long([.. fields.SelectMany(field => field)]);

    internal static byte[] Field(string name, char type, params byte[] value) => [.. Short(name), (byte)type, .. value];

    internal static byte[] Field(byte[] name, char type, params byte[] value) => [.. Short(name), (byte)type, .. value];

    /// <summary>An element of an array.</summary>
    internal static byte[] Element(char type, params byte[] value) => [(byte)type, .. value];

    /// <summary>Content behind a u32 length.</summary>
    internal static byte[] Long(byte[] content)
    {
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, content.Length);
        return [.. length, .. content];
    }

    internal static byte[] Long(string text) => Long(Encoding.UTF8.GetBytes(text));

    internal static byte[] U64(ulong value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return bytes;
    }

    /// <summary>
    /// A well-formed list of any shape: any subset of properties, any bytes in strings, every field type, nested tables and arrays, now and then names that occur twice
    /// or are no UTF-8, a true that is 2, a second word of flags.
    /// </summary>
    internal static byte[] Any(Random random)
    {
        List<byte[]> parts = [];
        int flags = 0;
        for (int bit = 15; bit >= 2; bit--)
        {
            if (random.Next(2) == 0)
            {
                continue;
            }

            flags |= 1 << bit;
            parts.Add(bit switch
            {
                13 => AnyTable(random, depth: 1),
                12 or 11 => Bytes(random, 1),
                6 => Bytes(random, 8),
                _ => Short(AnyText(random, 40)),
            });
        }

        if (random.Next(20) == 0)
        {
            flags |= 1;
            parts.Insert(0, [0, 0]);
        }

        return List(flags, [.. parts]);
    }

    private static byte[] AnyTable(Random random, int depth)
    {
        int count = random.Next(6);
        List<byte[]> fields = [];
        for (int i = 0; i < count; i++)
        {
            byte[] name = random.Next(30) switch
            {
                0 => Encoding.UTF8.GetBytes("twice"),
                1 => Bytes(random, 3),
                _ => Encoding.UTF8.GetBytes($"x-{i}-{random.Next(1000)}-é"),
            };
            fields.Add([.. Short(name), .. AnyElement(random, depth)]);
        }

        return Table([.. fields]);
    }

    private static byte[] AnyElement(Random random, int depth)
    {
        char type = "tbBsuIilLfdDSxTAFV"[random.Next(depth > 4 ? 15 : 18)];
        return Element(type, type switch
        {
            'V' => [],
            't' => [(byte)(random.Next(40) == 0 ? 2 : random.Next(2))],
            'b' or 'B' => Bytes(random, 1),
            's' or 'u' => Bytes(random, 2),
            'I' or 'i' or 'f' => Bytes(random, 4),
            'D' => Bytes(random, 5),
            'S' or 'x' => Long(AnyText(random, 300)),
            'A' => Long([.. Enumerable.Range(0, random.Next(4)).SelectMany(_ => AnyElement(random, depth + 1))]),
            'F' => AnyTable(random, depth + 1),
            _ => Bytes(random, 8),
        });
    }

    private static byte[] AnyText(Random random, int longest)
    {
        int length = random.Next(longest);
        return random.Next(3) == 0 ? Bytes(random, length) : Encoding.UTF8.GetBytes(new string((char)random.Next(32, 0x2000), length / 3));
    }

    private static byte[] Bytes(Random random, int length)
    {
        byte[] bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }
}
