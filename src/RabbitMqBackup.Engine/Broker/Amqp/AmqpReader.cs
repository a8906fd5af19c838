using System.Buffers.Binary;

namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>Reads the arguments of a method, big-endian. Every read is checked against what is left.</summary>
internal ref struct AmqpReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>What has not been read.</summary>
    internal readonly ReadOnlySpan<byte> Rest => _rest;

    /// <summary>One octet; several bits in a row share one, the first in the lowest place.</summary>
    internal byte ReadUInt8() => Take(1)[0];

    /// <summary>short-uint.</summary>
    internal ushort ReadUInt16() => BinaryPrimitives.ReadUInt16BigEndian(Take(2));

    /// <summary>long-uint.</summary>
    internal uint ReadUInt32() => BinaryPrimitives.ReadUInt32BigEndian(Take(4));

    /// <summary>longlong-uint.</summary>
    internal ulong ReadUInt64() => BinaryPrimitives.ReadUInt64BigEndian(Take(8));

    /// <summary>short-string = length u8 · octets.</summary>
    internal ReadOnlySpan<byte> ReadShortString() => Take(ReadUInt8());

    /// <summary>long-string = length u32 · octets. A field table has the same shape.</summary>
    internal ReadOnlySpan<byte> ReadLongString()
    {
        uint length = ReadUInt32();
        return length <= _rest.Length ? Take((int)length) : throw new AmqpProtocolException($"a string of {length} octets in {_rest.Length}");
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _rest.Length)
        {
            throw new AmqpProtocolException($"arguments end {count - _rest.Length} octet(s) early");
        }

        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
