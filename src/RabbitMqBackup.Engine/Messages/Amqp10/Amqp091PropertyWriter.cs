using System.Buffers;
using System.Buffers.Binary;
using System.Collections;
using System.Text;

namespace RabbitMqBackup.Engine.Messages.Amqp10;

/// <summary>
/// Writes a property list of AMQP 0-9-1 out of .NET values, big-endian:
/// <code>
/// properties = flags:u16 property*          bit 15 content-type … bit 2 cluster-id, present ones in this order
/// shortstr   = length:u8 octets | longstr = length:u32 octets | table = size:u32 (shortstr field)* | field = type:u8 content
/// </code>
/// </summary>
internal sealed class Amqp091PropertyWriter
{
    private const int MaxShort = 255;
    private readonly object?[] _values = new object?[14];

    internal string? ContentType { set => _values[0] = value; }

    internal string? ContentEncoding { set => _values[1] = value; }

    internal List<KeyValuePair<string, object?>>? Headers { set => _values[2] = value; }

    internal byte? DeliveryMode { set => _values[3] = value; }

    internal byte? Priority { set => _values[4] = value; }

    internal string? CorrelationId { set => _values[5] = value; }

    internal string? ReplyTo { set => _values[6] = value; }

    internal string? Expiration { set => _values[7] = value; }

    internal string? MessageId { set => _values[8] = value; }

    /// <summary>Seconds since 1970 UTC.</summary>
    internal ulong? Timestamp { set => _values[9] = value; }

    internal string? Type { set => _values[10] = value; }

    internal string? UserId { set => _values[11] = value; }

    internal string? AppId { set => _values[12] = value; }

    /// <summary>Whether a text fits into a short string.</summary>
    internal static bool IsShort(string text) => Encoding.UTF8.GetByteCount(text) <= MaxShort;

    /// <summary>Whether a value can stand in a table.</summary>
    internal static bool CanWrite(object? value) => value switch
    {
        null or bool or sbyte or byte or short or ushort or int or uint or long or float or double or string or byte[] or Guid or DateTimeOffset => true,
        ulong number => number <= long.MaxValue,
        List<object?> list => list.TrueForAll(CanWrite),
        List<KeyValuePair<object?, object?>> map => map.TrueForAll(p => p.Key is string key && IsShort(key) && CanWrite(p.Value)),
        _ => false,
    };

    /// <summary>The list.</summary>
    internal byte[] ToArray()
    {
        ArrayBufferWriter<byte> target = new();
        int flags = 0;
        for (int i = 0; i < _values.Length; i++)
        {
            flags |= _values[i] is null ? 0 : 1 << (15 - i);
        }

        UInt16(target, (ushort)flags);
        foreach (object? value in _values)
        {
            switch (value)
            {
                case string text:
                    Short(target, text);
                    break;
                case byte octet:
                    Octet(target, octet);
                    break;
                case ulong number:
                    Int64(target, (long)number);
                    break;
                case List<KeyValuePair<string, object?>> headers:
                    Table(target, headers.Select(p => (p.Key, p.Value)));
                    break;
            }
        }

        return target.WrittenSpan.ToArray();
    }

    private static void Field(IBufferWriter<byte> target, object? value)
    {
        switch (value)
        {
            case List<object?> list:
                Octet(target, (byte)'A');
                Sized(target, list, static (inner, items) =>
                {
                    foreach (object? item in items)
                    {
                        Field(inner, item);
                    }
                });
                break;
            case List<KeyValuePair<object?, object?>> map:
                Octet(target, (byte)'F');
                Table(target, map.Select(p => ((string)p.Key!, p.Value)));
                break;
            case string or byte[] or Guid:
                byte[] octets = value as byte[] ?? Encoding.UTF8.GetBytes(value is Guid id ? $"urn:uuid:{id:D}" : (string)value);
                Octet(target, (byte)'S');
                UInt32(target, (uint)octets.Length);
                target.Write(octets);
                break;
            default:
                (char type, ulong bits, int size) = Scalar(value);
                Octet(target, (byte)type);
                Span<byte> content = stackalloc byte[8];
                BinaryPrimitives.WriteUInt64BigEndian(content, bits);
                target.Write(content[(8 - size)..]);
                break;
        }
    }

    /// <summary>Type, bits and length of a value of fixed size.</summary>
    private static (char Type, ulong Bits, int Size) Scalar(object? value) => value switch
    {
        null => ('V', 0, 0),
        bool v => ('t', v ? 1ul : 0, 1),
        sbyte v => ('b', (byte)v, 1),
        byte v => ('B', v, 1),
        short v => ('s', (ushort)v, 2),
        ushort v => ('u', v, 2),
        int v => ('I', (uint)v, 4),
        uint v => ('i', v, 4),
        float v => ('f', BitConverter.SingleToUInt32Bits(v), 4),
        double v => ('d', BitConverter.DoubleToUInt64Bits(v), 8),
        long v => ('l', (ulong)v, 8),
        ulong v => ('l', v, 8),
        DateTimeOffset v => ('T', (ulong)v.ToUnixTimeSeconds(), 8),
        _ => throw new ArgumentException($"A table has no type for {value.GetType()}.", nameof(value)),
    };

    private static void Table(IBufferWriter<byte> target, IEnumerable<(string Name, object? Value)> fields) => Sized(target, fields, static (inner, pairs) =>
    {
        foreach ((string name, object? value) in pairs)
        {
            Short(inner, name);
            Field(inner, value);
        }
    });

    private static void Sized<T>(IBufferWriter<byte> target, T content, Action<IBufferWriter<byte>, T> write)
        where T : IEnumerable
    {
        ArrayBufferWriter<byte> inner = new();
        write(inner, content);
        UInt32(target, (uint)inner.WrittenCount);
        target.Write(inner.WrittenSpan);
    }

    private static void Short(IBufferWriter<byte> target, string text)
    {
        byte[] octets = Encoding.UTF8.GetBytes(text);
        Octet(target, checked((byte)octets.Length));
        target.Write(octets);
    }

    private static void Octet(IBufferWriter<byte> target, byte value) => target.Write([value]);

    private static void UInt16(IBufferWriter<byte> target, ushort value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(target.GetSpan(2), value);
        target.Advance(2);
    }

    private static void UInt32(IBufferWriter<byte> target, uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(target.GetSpan(4), value);
        target.Advance(4);
    }

    private static void Int64(IBufferWriter<byte> target, long value)
    {
        BinaryPrimitives.WriteInt64BigEndian(target.GetSpan(8), value);
        target.Advance(8);
    }
}
