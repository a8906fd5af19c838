using System.Buffers.Binary;

namespace RabbitMqBackup.Engine.Messages;

/// <summary>
/// Walks a property list without decoding it:
/// <code>
/// flags       u16, bit 15 content-type ... bit 2 cluster-id; bit 0: another u16 of flags follows
/// properties  those whose bit is set, in that order: u8 length + bytes | u32 length + field table | u8 | u64
/// </code>
/// <see cref="TryRead"/> ends with false at the end and where the list is malformed; <see cref="Complaint"/> tells which.
/// </summary>
internal ref struct PropertyListReader
{
    private const int LastProperty = (int)BasicProperty.ClusterId;

    private readonly ReadOnlySpan<byte> _raw;
    private readonly ushort _flags;
    private int _next;
    private int _position;

    /// <summary>Reads the flags.</summary>
    internal PropertyListReader(ReadOnlySpan<byte> raw)
    {
        _raw = raw;
        _next = (int)BasicProperty.ContentType;
        if (raw.Length < 2)
        {
            Fail(0, "it has no property flags");
            return;
        }

        _flags = BinaryPrimitives.ReadUInt16BigEndian(raw);
        if ((_flags & 0b10) != 0)
        {
            Fail(0, "it has a flag for a property that does not exist");
            return;
        }

        _position = 2;
        bool more = (_flags & 1) != 0;
        while (more)
        {
            if (raw.Length - _position < 2)
            {
                Fail(_position, "another word of flags is announced and missing");
                return;
            }

            ushort word = BinaryPrimitives.ReadUInt16BigEndian(raw[_position..]);
            if ((word & ~1) != 0)
            {
                Fail(_position, "it has a flag for a property that does not exist");
                return;
            }

            _position += 2;
            more = word == 1;
        }

        FlagsLength = _position;
    }

    /// <summary>The value of one property, short strings without their length; empty where the list has none or can't be read so far.</summary>
    internal static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> raw, BasicProperty property)
    {
        PropertyListReader reader = new(raw);
        while (reader.TryRead())
        {
            if (reader.Property == property)
            {
                return reader.Value;
            }
        }

        return [];
    }

    /// <summary>Bytes of the flags: 2 but for odd lists.</summary>
    internal int FlagsLength { get; }

    /// <summary>What is wrong, or null.</summary>
    internal string? Complaint { get; private set; }

    /// <summary>Where the property read, or what is wrong, begins in the list.</summary>
    internal int Position { get; private set; }

    /// <summary>The property read.</summary>
    internal BasicProperty Property { get; private set; }

    /// <summary>It as it stands in the list.</summary>
    internal ReadOnlySpan<byte> Raw { get; private set; }

    /// <summary>It without its length prefix.</summary>
    internal ReadOnlySpan<byte> Value { get; private set; }

    /// <summary>Where <see cref="Value"/> begins in the list.</summary>
    internal readonly int ValuePosition => Position + Raw.Length - Value.Length;

    /// <summary>Goes to the next property; false at the end or where the list is malformed.</summary>
    internal bool TryRead()
    {
        if (Complaint is not null)
        {
            return false;
        }

        while (_next >= LastProperty && (_flags >> _next & 1) == 0)
        {
            _next--;
        }

        if (_next < LastProperty)
        {
            return _position != _raw.Length && Fail(_position, $"{_raw.Length - _position} bytes follow its last property");
        }

        Property = (BasicProperty)_next--;
        return ReadValue();
    }

    /// <summary>Throws where the list is malformed.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>.</exception>
    internal readonly void ThrowIfMalformed()
    {
        if (Complaint is not null)
        {
            Malformed.Throw("property list of a message", Position, Complaint);
        }
    }

    private bool ReadValue()
    {
        ReadOnlySpan<byte> rest = _raw[_position..];
        (int prefix, int size) = Property switch
        {
            BasicProperty.DeliveryMode or BasicProperty.Priority => (0, 1),
            BasicProperty.Timestamp => (0, 8),
            BasicProperty.Headers => (4, 0),
            _ => (1, 0),
        };
        if (rest.Length < prefix + size)
        {
            return Fail(_position, $"{Property} is cut off");
        }

        uint length = prefix switch
        {
            0 => (uint)size,
            1 => rest[0],
            _ => BinaryPrimitives.ReadUInt32BigEndian(rest),
        };
        if (length > rest.Length - prefix)
        {
            return Fail(_position, $"{Property} has {length} bytes by its length, and {rest.Length - prefix} are left");
        }

        Position = _position;
        Raw = rest[..(prefix + (int)length)];
        Value = Raw[prefix..];
        _position += Raw.Length;
        return true;
    }

    private bool Fail(int position, string complaint)
    {
        Position = position;
        Complaint = complaint;
        return false;
    }
}
