using System.Buffers.Binary;

namespace RabbitMqBackup.Engine.Messages;

/// <summary>
/// Walks the entries of a field table or a field array without decoding them:
/// <code>
/// table  (u8 name length, name, u8 type, value)*
/// array  (u8 type, value)*
/// value  t b B 1 byte | s u 2 | I i f 4 | l L d T 8 | D 5 | S x A F u32 length + content | V none
/// </code>
/// The types are those of RabbitMQ's errata to AMQP 0-9-1. Nested tables and arrays are stepped over by their length.
/// <see cref="TryRead"/> ends with false at the end and where the content is malformed; <see cref="Complaint"/> tells which.
/// </summary>
internal ref struct FieldReader
{
    private readonly bool _named;
    private readonly int _base;
    private readonly ReadOnlySpan<byte> _content;
    private int _offset;

    /// <summary>Walks a table or an array.</summary>
    /// <param name="content">Its content, without its length.</param>
    /// <param name="named">True for a table.</param>
    /// <param name="position">Where the content begins in the property list, for complaints.</param>
    internal FieldReader(ReadOnlySpan<byte> content, bool named, int position)
    {
        _content = content;
        _named = named;
        _base = position;
    }

    /// <summary>What is wrong, or null.</summary>
    internal string? Complaint { get; private set; }

    /// <summary>Where the entry read, or what is wrong, begins in the property list.</summary>
    internal int Position { get; private set; }

    /// <summary>Name of the entry read; empty in an array.</summary>
    internal ReadOnlySpan<byte> Name { get; private set; }

    /// <summary>Its type.</summary>
    internal byte Type { get; private set; }

    /// <summary>Its value, without the length prefix that S, x, A and F have.</summary>
    internal ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>The whole entry as it stands in the list.</summary>
    internal ReadOnlySpan<byte> Raw { get; private set; }

    /// <summary>Where <see cref="Value"/> begins in the property list.</summary>
    internal readonly int ValuePosition => _base + _offset - Value.Length;

    /// <summary>Whether the value is a table or an array.</summary>
    internal readonly bool IsNested => Type is (byte)'F' or (byte)'A';

    /// <summary>Goes to the next entry; false at the end or where the content is malformed.</summary>
    internal bool TryRead()
    {
        if (_offset == _content.Length || Complaint is not null)
        {
            return false;
        }

        Position = _base + _offset;
        ReadOnlySpan<byte> entry = _content[_offset..];
        int nameEnd = _named ? 1 + entry[0] : 0;
        if (nameEnd >= entry.Length)
        {
            return Fail("a field is cut off in its name");
        }

        Name = _named ? entry[1..nameEnd] : default;
        Type = entry[nameEnd];
        ReadOnlySpan<byte> rest = entry[(nameEnd + 1)..];
        int size = FixedSize(Type);
        int prefix = 0;
        if (size < 0)
        {
            if (Type is not ((byte)'S' or (byte)'x' or (byte)'A' or (byte)'F'))
            {
                return Fail($"a field has the type 0x{Type:X2}, which does not exist");
            }

            prefix = 4;
            uint length = rest.Length < 4 ? uint.MaxValue : BinaryPrimitives.ReadUInt32BigEndian(rest);
            if (length > rest.Length - 4)
            {
                return Fail("a field is longer than what is left");
            }

            size = (int)length;
        }
        else if (size > rest.Length)
        {
            return Fail("a field is cut off in its value");
        }

        Value = rest.Slice(prefix, size);
        Raw = entry[..(nameEnd + 1 + prefix + size)];
        _offset += Raw.Length;
        return true;
    }

    /// <summary>Throws where the content is malformed.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>.</exception>
    internal readonly void ThrowIfMalformed()
    {
        if (Complaint is not null)
        {
            Malformed.Throw("property list of a message", Position, Complaint);
        }
    }

    private static int FixedSize(byte type) => type switch
    {
        (byte)'V' => 0,
        (byte)'t' or (byte)'b' or (byte)'B' => 1,
        (byte)'s' or (byte)'u' => 2,
        (byte)'I' or (byte)'i' or (byte)'f' => 4,
        (byte)'D' => 5,
        (byte)'l' or (byte)'L' or (byte)'d' or (byte)'T' => 8,
        _ => -1,
    };

    private bool Fail(string complaint)
    {
        Complaint = complaint;
        return false;
    }
}
