using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>
/// Writes one method frame.
/// <code>
/// type 1 · channel u16 · size u32 · class u16 · method u16 · arguments · 0xCE
/// </code>
/// </summary>
internal ref struct MethodWriter
{
    private readonly IBufferWriter<byte> _output;
    private readonly Span<byte> _span;
    private int _position;

    /// <summary>Begins a frame.</summary>
    /// <param name="output">Where it goes.</param>
    /// <param name="channel">Its channel.</param>
    /// <param name="method">The method.</param>
    /// <param name="argumentBytes">At least as many octets as the arguments will take.</param>
    internal MethodWriter(IBufferWriter<byte> output, ushort channel, MethodId method, int argumentBytes)
    {
        _output = output;
        _span = output.GetSpan(FrameParser.Overhead + 4 + argumentBytes);
        _span[0] = (byte)FrameType.Method;
        BinaryPrimitives.WriteUInt16BigEndian(_span[1..], channel);
        _position = FrameParser.HeaderSize;
        UInt32((uint)method);
    }

    /// <summary>Most octets that a short string takes.</summary>
    internal const int MaxShortString = 256;

    internal void UInt8(byte value) => _span[_position++] = value;

    internal void UInt16(ushort value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(_span[_position..], value);
        _position += 2;
    }

    internal void UInt32(uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(_span[_position..], value);
        _position += 4;
    }

    internal void UInt64(ulong value)
    {
        BinaryPrimitives.WriteUInt64BigEndian(_span[_position..], value);
        _position += 8;
    }

    /// <summary>short-string = length u8 · octets.</summary>
    /// <exception cref="ArgumentException">Longer than 255 octets.</exception>
    internal void ShortString(ReadOnlySpan<byte> value)
    {
        if (value.Length > byte.MaxValue)
        {
            throw new ArgumentException($"A name of {value.Length} octets does not fit AMQP: 255 are allowed.", nameof(value));
        }

        UInt8((byte)value.Length);
        Bytes(value);
    }

    /// <inheritdoc cref="ShortString(ReadOnlySpan{byte})"/>
    internal void ShortString(string value)
    {
        int length = Encoding.UTF8.GetByteCount(value);
        if (length > byte.MaxValue)
        {
            throw new ArgumentException($"'{value}' takes {length} octets; AMQP allows 255.", nameof(value));
        }

        UInt8((byte)length);
        _position += Encoding.UTF8.GetBytes(value, _span[_position..]);
    }

    /// <summary>long-string = length u32 · octets.</summary>
    internal void LongString(ReadOnlySpan<byte> value)
    {
        UInt32((uint)value.Length);
        Bytes(value);
    }

    /// <summary>Begins a table = length u32 · fields; returns what <see cref="EndTable"/> needs.</summary>
    internal int BeginTable()
    {
        UInt32(0);
        return _position;
    }

    /// <summary>Ends a table: its length is known now.</summary>
    internal readonly void EndTable(int start) => BinaryPrimitives.WriteUInt32BigEndian(_span[(start - 4)..], (uint)(_position - start));

    /// <summary>field = name short-string · 'S' · long-string.</summary>
    internal void Field(string name, string value)
    {
        ShortString(name);
        UInt8((byte)'S');
        UInt32((uint)Encoding.UTF8.GetByteCount(value));
        _position += Encoding.UTF8.GetBytes(value, _span[_position..]);
    }

    /// <summary>field = name short-string · 't' · u8.</summary>
    internal void Field(string name, bool value)
    {
        ShortString(name);
        UInt8((byte)'t');
        UInt8(value ? (byte)1 : (byte)0);
    }

    /// <summary>field = name short-string · 'l' · i64.</summary>
    internal void Field(string name, long value)
    {
        ShortString(name);
        UInt8((byte)'l');
        UInt64((ulong)value);
    }

    /// <summary>field = name short-string · 'F' · table; ends with <see cref="EndTable"/>.</summary>
    internal int BeginTableField(string name)
    {
        ShortString(name);
        UInt8((byte)'F');
        return BeginTable();
    }

    /// <summary>Ends the frame and hands it to the output.</summary>
    internal void End()
    {
        BinaryPrimitives.WriteUInt32BigEndian(_span[3..], (uint)(_position - FrameParser.HeaderSize));
        UInt8(FrameParser.End);
        _output.Advance(_position);
    }

    private void Bytes(ReadOnlySpan<byte> value)
    {
        value.CopyTo(_span[_position..]);
        _position += value.Length;
    }
}
