using System.Buffers.Binary;
using System.Text;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>Reads the content of one frame, field by field; each length is checked against what is left before anything is taken. See <see cref="FrameWriter"/> for the grammar.</summary>
/// <param name="content">The content after key and version.</param>
internal ref struct FrameReader(ReadOnlySpan<byte> content)
{
    private ReadOnlySpan<byte> _rest = content;

    /// <summary>Bytes not yet read.</summary>
    internal readonly int Remaining => _rest.Length;

    internal byte Byte() => Take(1)[0];

    internal ushort UInt16() => BinaryPrimitives.ReadUInt16BigEndian(Take(2));

    internal uint UInt32() => BinaryPrimitives.ReadUInt32BigEndian(Take(4));

    internal ulong UInt64() => BinaryPrimitives.ReadUInt64BigEndian(Take(8));

    internal long Int64() => BinaryPrimitives.ReadInt64BigEndian(Take(8));

    internal StreamResponseCode Code() => (StreamResponseCode)UInt16();

    /// <summary>A string, or null.</summary>
    internal string? String()
    {
        ushort length = UInt16();
        return length == 0xFFFF ? null : Encoding.UTF8.GetString(Take(length));
    }

    /// <summary>The number of items that follow, checked against the smallest size an item can have, so that it can be used to allocate.</summary>
    /// <param name="minimumItemBytes">Smallest size of an item.</param>
    internal int Count(int minimumItemBytes)
    {
        uint count = UInt32();
        if (count > (uint)(_rest.Length / minimumItemBytes))
        {
            throw Malformed($"a list claims {count} items, {_rest.Length} bytes are left");
        }

        return (int)count;
    }

    /// <summary>A map of strings; a key that comes twice keeps its last value.</summary>
    internal Dictionary<string, string> Map()
    {
        int count = Count(4);
        Dictionary<string, string> map = new(count, StringComparer.Ordinal);
        for (int i = 0; i < count; i++)
        {
            string key = String() ?? throw Malformed("a map has a null key");
            map[key] = String() ?? "";
        }

        return map;
    }

    private ReadOnlySpan<byte> Take(int length)
    {
        if (length > _rest.Length)
        {
            throw Malformed($"a field needs {length} bytes, {_rest.Length} are left");
        }

        ReadOnlySpan<byte> taken = _rest[..length];
        _rest = _rest[length..];
        return taken;
    }

    private static RabbitBackupException Malformed(string why) => StreamErrors.Malformed(why);
}
