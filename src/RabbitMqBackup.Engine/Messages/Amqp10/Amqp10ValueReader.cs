using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace RabbitMqBackup.Engine.Messages.Amqp10;

/// <summary>
/// Decodes values of the AMQP 1.0 type system (OASIS AMQP 1.0, part 1), big-endian:
/// <code>
/// value  = constructor:u8 content | 0x00 descriptor:value value
/// 0x4_ no content | 0x5_ 1 byte | 0x6_ 2 | 0x7_ 4 | 0x8_ 8 | 0x9_ 16
/// 0xA_ length:u8 octets | 0xB_ length:u32 octets
/// 0xC_ size:u8 count:u8 value* | 0xD_ size:u32 count:u32 value*            size counts the count
/// 0xE_ size:u8 count:u8 constructor content* | 0xF_ with u32
/// </code>
/// Depth, number of values and every length are limited; what breaks a limit or the grammar is an <see cref="InvalidDataException"/>.
/// CLR types: bool, byte, sbyte, ushort, short, uint, int, ulong, long, float, double, string (string, symbol, char), byte[], Guid, DateTimeOffset,
/// List&lt;object?&gt; (list, array), List&lt;KeyValuePair&lt;object?, object?&gt;&gt; (map, in order), <see cref="Amqp10Described"/>, <see cref="Amqp10Opaque"/>.
/// </summary>
/// <param name="bytes">The encoding.</param>
internal ref struct Amqp10ValueReader(ReadOnlySpan<byte> bytes)
{
    private const int MaxDepth = 32;
    private const int MaxValues = 1_000_000;

    /// <summary>Elements of one array that take no bytes: nobody sends so many, and a few bytes must not claim megabytes.</summary>
    private const int MaxEmptyElements = 10_000;

    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _values;
    private int _depth;

    /// <summary>Bytes read.</summary>
    internal int Position { get; private set; }

    /// <summary>True where nothing is left.</summary>
    internal readonly bool AtEnd => Position == _bytes.Length;

    /// <summary>Reads a value.</summary>
    internal object? Read()
    {
        byte code = Byte();
        if (code != 0)
        {
            return Content(code);
        }

        Enter();
        object? descriptor = Read();
        object? value = Read();
        _depth--;
        return new Amqp10Described(descriptor, value);
    }

    /// <summary>Reads the descriptor of a section: 0x00 and a value.</summary>
    internal object? ReadDescriptor() => Byte() == 0 ? Read() : throw new InvalidDataException("A section does not begin with a descriptor.");

    /// <summary>Reads a binary value without copying it.</summary>
    internal ReadOnlySpan<byte> ReadBinary() => Byte() switch
    {
        0xA0 => Take(Byte()),
        0xB0 => Take(Length32()),
        byte code => throw new InvalidDataException($"A data section holds the type 0x{code:x2} instead of binary."),
    };

    private object? Content(byte code)
    {
        if (++_values > MaxValues)
        {
            throw new InvalidDataException($"A message has more than {MaxValues} values.");
        }

        return code switch
        {
            0x40 => null,
            0x41 => true,
            0x42 => false,
            0x43 => 0u,
            0x44 => 0ul,
            0x45 => new List<object?>(),
            0x50 => Byte(),
            0x51 => (sbyte)Byte(),
            0x52 => (uint)Byte(),
            0x53 => (ulong)Byte(),
            0x54 => (int)(sbyte)Byte(),
            0x55 => (long)(sbyte)Byte(),
            0x56 => Byte() != 0,
            0x60 => BinaryPrimitives.ReadUInt16BigEndian(Take(2)),
            0x61 => BinaryPrimitives.ReadInt16BigEndian(Take(2)),
            0x70 => BinaryPrimitives.ReadUInt32BigEndian(Take(4)),
            0x71 => BinaryPrimitives.ReadInt32BigEndian(Take(4)),
            0x72 => BinaryPrimitives.ReadSingleBigEndian(Take(4)),
            0x73 => Character(),
            0x80 => BinaryPrimitives.ReadUInt64BigEndian(Take(8)),
            0x81 => BinaryPrimitives.ReadInt64BigEndian(Take(8)),
            0x82 => BinaryPrimitives.ReadDoubleBigEndian(Take(8)),
            0x83 => Time(),
            0x74 or 0x84 or 0x94 => new Amqp10Opaque(code, Take(4 << ((code >> 4) - 7)).ToArray()),
            0x98 => new Guid(Take(16), bigEndian: true),
            0xA0 => Take(Byte()).ToArray(),
            0xB0 => Take(Length32()).ToArray(),
            0xA1 or 0xA3 => Text(Take(Byte())),
            0xB1 or 0xB3 => Text(Take(Length32())),
            0xC0 or 0xD0 or 0xC1 or 0xD1 or 0xE0 or 0xF0 => Compound(code),
            _ => throw new InvalidDataException($"The type 0x{code:x2} is unknown."),
        };
    }

    private object Compound(byte code)
    {
        Enter();
        bool wide = (code & 0x10) != 0;
        int size = wide ? Length32() : Byte();
        int end = Position + size;
        if (size > _bytes.Length - Position)
        {
            throw CutOff();
        }

        long count = wide ? Length32() : Byte();
        object value = (code & 0xEF) switch
        {
            0xC0 => Items(count, end, Position < end || count == 0),
            0xC1 => Pairs(count, end),
            _ => Array(count, end),
        };
        if (Position != end)
        {
            throw new InvalidDataException("A list, map or array is not of the size it claims.");
        }

        _depth--;
        return value;
    }

    private List<object?> Items(long count, int end, bool plausible)
    {
        if (!plausible || count > end - Position)
        {
            throw CutOff();
        }

        List<object?> items = new((int)count);
        for (long i = 0; i < count; i++)
        {
            items.Add(Read());
        }

        return items;
    }

    private List<KeyValuePair<object?, object?>> Pairs(long count, int end)
    {
        if (count > end - Position || (count & 1) != 0)
        {
            throw CutOff();
        }

        List<KeyValuePair<object?, object?>> pairs = new((int)count / 2);
        for (long i = 0; i < count; i += 2)
        {
            object? key = Read();
            pairs.Add(new(key, Read()));
        }

        return pairs;
    }

    private List<object?> Array(long count, int end)
    {
        List<object?> items = [];
        byte code = Byte();
        object? descriptor = null;
        bool described = code == 0;
        if (described)
        {
            descriptor = Read();
            code = Byte();
        }

        if ((code & 0xF0) == 0x40 && count > MaxEmptyElements)
        {
            throw new InvalidDataException($"An array claims {count} values without content.");
        }

        for (long i = 0; i < count; i++)
        {
            if (Position > end)
            {
                throw CutOff();
            }

            object? item = Content(code);
            items.Add(described ? new Amqp10Described(descriptor, item) : item);
        }

        return items;
    }

    /// <summary>RabbitMQ 3.10 stores AMQP 0-9-1 strings of any bytes as strings; such are given as bytes.</summary>
    private static object Text(ReadOnlySpan<byte> octets) => Utf8.IsValid(octets) ? Encoding.UTF8.GetString(octets) : octets.ToArray();

    private string Character()
    {
        uint scalar = BinaryPrimitives.ReadUInt32BigEndian(Take(4));
        return Rune.IsValid(scalar) ? new Rune(scalar).ToString() : throw new InvalidDataException($"0x{scalar:x} is no character.");
    }

    private object Time()
    {
        ReadOnlySpan<byte> content = Take(8);
        long ms = BinaryPrimitives.ReadInt64BigEndian(content);
        return ms >= DateTimeOffset.MinValue.ToUnixTimeMilliseconds() && ms <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            ? DateTimeOffset.FromUnixTimeMilliseconds(ms)
            : new Amqp10Opaque(0x83, content.ToArray());
    }

    private byte Byte() => Take(1)[0];

    private int Length32()
    {
        uint length = BinaryPrimitives.ReadUInt32BigEndian(Take(4));
        return length <= int.MaxValue ? (int)length : throw CutOff();
    }

    private ReadOnlySpan<byte> Take(int length)
    {
        if (length > _bytes.Length - Position)
        {
            throw CutOff();
        }

        ReadOnlySpan<byte> taken = _bytes.Slice(Position, length);
        Position += length;
        return taken;
    }

    private void Enter()
    {
        if (++_depth > MaxDepth)
        {
            throw new InvalidDataException($"Values are nested more than {MaxDepth} deep.");
        }
    }

    private static InvalidDataException CutOff() => new("A value is cut off, or claims more than there is.");
}
