using System.Buffers.Binary;
using System.Text;

namespace RabbitMqBackup.Engine.Tests.EndToEnd;

/// <summary>
/// Messages as bytes on the wire, written by hand so that no library has a say in them: every property, every field type that the broker passes at its edges, alone, in tables and in arrays,
/// strings that are no UTF-8, headers up to 100 kB, bodies around the edges of frames and up to what the broker takes. Left out are <c>L</c>, which the broker turns into <c>l</c>, and <c>U</c>,
/// at which it closes the connection.
/// </summary>
internal static class ExactnessCorpus
{
    private const int Headers = 13;

    private static readonly byte[] Odd = [0xFF, 0x00, 0xC3, 0x28, 0x80];

    internal sealed record Item(string Name, byte[] RoutingKey, byte[] Properties, byte[] Body);

    /// <summary>All of them.</summary>
    /// <param name="frameMax">Of the broker; bodies are made around its multiples.</param>
    /// <param name="largestBody">Bytes of the largest body.</param>
    internal static List<Item> Build(int frameMax, int largestBody)
    {
        List<Item> items = [];
        void Add(string name, params (int Bit, byte[] Value)[] properties) =>
            items.Add(new Item(name, Encoding.UTF8.GetBytes($"key.{items.Count}"), List(properties), Encoding.UTF8.GetBytes($"{items.Count}:{name}")));

        Add("none");
        foreach ((int bit, byte[][] values) in Values())
        {
            foreach (byte[] value in values)
            {
                Add($"bit {bit} {value.Length} bytes", (bit, value));
            }
        }

        Add("all", [.. Values().Select(property => (property.Bit, property.Values[^1]))]);
        foreach ((string name, byte[] field) in Fields())
        {
            Add($"field {name}", (Headers, Table(("h", field))));
            Add($"in a table {name}", (Headers, Table(("h", Typed('F', Table(("inner", field), ("other", Text("x"))))))));
            Add($"in an array {name}", (Headers, Table(("h", Typed('A', Long([.. field, .. field]))))));
            Add($"in an array in a table {name}", (Headers, Table(("h", Typed('F', Table(("a", Typed('A', Long([.. Typed('F', Table(("deep", field))), .. field])))))))));
        }

        foreach (string name in (string[])["a", "Z", "ü", "ключ", "with blank", "tab\there", "x-of-ours", new string('n', 128)])
        {
            Add($"header named {name}", (Headers, Table((name, Text("v")))));
        }

        Add("many headers", (Headers, Table([.. Enumerable.Range(0, 300).Select(number => ($"h{number:000}", Text($"{number}")))])));
        Add("100 kB of headers", (Headers, Table([.. Enumerable.Range(0, 10).Select(number => ($"h{number}", Typed('S', Long(Noise(10_000, number)))))])));
        Add("one header of 100 kB", (Headers, Table(("h", Typed('x', Long(Noise(100_000, 1)))))));

        int frame = frameMax - 8;
        foreach (int size in (int[])[0, 1, 2, 7, 8, 255, 256, 4095, 65_535, 65_536, frame - 1, frame, frame + 1, (2 * frame) - 1, 2 * frame, (2 * frame) + 1, 1 << 20, largestBody])
        {
            items.Add(new Item($"body of {size}", Encoding.UTF8.GetBytes($"body.{size}"), List([(12, [2])]), Noise(size, size)));
        }

        foreach (byte[] key in (byte[][])[[], [0x61], [.. Enumerable.Repeat((byte)'k', 255)], Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("ß", 127)))])
        {
            items.Add(new Item($"routing key of {key.Length}", key, List([]), Noise(10, key.Length)));
        }

        return items;
    }

    private static IEnumerable<(int Bit, byte[][] Values)> Values()
    {
        byte[][] texts = [Short(""), Short("a"), Short("üñí"), ShortBytes(Odd), ShortBytes([.. Enumerable.Repeat((byte)'z', 255)])];
        yield return (15, texts);
        yield return (14, texts);
        yield return (Headers, [Table(), Table(("h", Text("v")))]);
        yield return (12, [[1], [2]]);
        yield return (11, [[0], [1], [9], [255]]);
        yield return (10, texts);
        yield return (9, texts);
        yield return (8, [Short("86400000"), Short("4000000000")]);
        yield return (7, texts);
        yield return (6, [U64(0), U64(1_700_000_000), U64(253_402_300_799)]);
        yield return (5, texts);
        yield return (4, [Short("guest")]);
        yield return (3, texts);
        yield return (2, texts);
    }

    /// <summary>Type octet and value of each.</summary>
    private static IEnumerable<(string Name, byte[] Field)> Fields()
    {
        yield return ("t false", [(byte)'t', 0]);
        yield return ("t true", [(byte)'t', 1]);
        yield return ("b -128", [(byte)'b', 0x80]);
        yield return ("b 127", [(byte)'b', 0x7F]);
        yield return ("B 255", [(byte)'B', 0xFF]);
        yield return ("s min", [(byte)'s', 0x80, 0]);
        yield return ("s max", [(byte)'s', 0x7F, 0xFF]);
        yield return ("u max", [(byte)'u', 0xFF, 0xFF]);
        yield return ("I min", [(byte)'I', 0x80, 0, 0, 0]);
        yield return ("I max", [(byte)'I', 0x7F, 0xFF, 0xFF, 0xFF]);
        yield return ("i max", [(byte)'i', 0xFF, 0xFF, 0xFF, 0xFF]);
        yield return ("l min", Typed('l', U64(0x8000_0000_0000_0000)));
        yield return ("l max", Typed('l', U64(long.MaxValue)));
        yield return ("f 1.5", [(byte)'f', 0x3F, 0xC0, 0, 0]);
        yield return ("f -0", [(byte)'f', 0x80, 0, 0, 0]);
        yield return ("d pi", Typed('d', U64(BitConverter.DoubleToUInt64Bits(Math.PI))));
        yield return ("d tiny", Typed('d', U64(1)));
        yield return ("D 123.45", [(byte)'D', 2, 0, 0, 0x30, 0x39]);
        yield return ("D max", [(byte)'D', 28, 0x7F, 0xFF, 0xFF, 0xFF]);
        yield return ("S empty", Text(""));
        yield return ("S utf-8", Text("grüße"));
        yield return ("S odd", Typed('S', Long(Odd)));
        yield return ("x empty", Typed('x', Long([])));
        yield return ("x odd", Typed('x', Long(Odd)));
        yield return ("T", Typed('T', U64(1_700_000_000)));
        yield return ("V", [(byte)'V']);
        yield return ("A empty", Typed('A', Long([])));
        yield return ("F empty", Typed('F', Table()));
    }

    private static byte[] List(params (int Bit, byte[] Value)[] properties)
    {
        int flags = properties.Sum(property => 1 << property.Bit);
        return [(byte)(flags >> 8), (byte)flags, .. properties.OrderByDescending(property => property.Bit).SelectMany(property => property.Value)];
    }

    private static byte[] Table(params (string Name, byte[] Field)[] fields) => Long([.. fields.SelectMany(field => (byte[])[.. Short(field.Name), .. field.Field])]);

    private static byte[] Typed(char type, byte[] value) => [(byte)type, .. value];

    private static byte[] Text(string text) => Typed('S', Long(Encoding.UTF8.GetBytes(text)));

    private static byte[] Short(string text) => ShortBytes(Encoding.UTF8.GetBytes(text));

    private static byte[] ShortBytes(byte[] bytes) => [(byte)bytes.Length, .. bytes];

    private static byte[] Long(byte[] bytes)
    {
        byte[] all = new byte[bytes.Length + 4];
        BinaryPrimitives.WriteUInt32BigEndian(all, (uint)bytes.Length);
        bytes.CopyTo(all, 4);
        return all;
    }

    private static byte[] U64(ulong value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return bytes;
    }

    private static byte[] Noise(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
