using System.Buffers.Binary;
using System.Text;
using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>
/// Collects the offsets that consumers have stored under a name, out of a stream's tracking chunks: the protocol tells an offset only to who knows the name.
/// <code>
/// chunk data = length:u32 tracking*
/// tracking   = type:u8 length:u8 name value        value: i64 offset (type 1), i64 timestamp (type 2),
///                                                  u64 sequence (type 0 in a delta), u64 chunk id and u64 sequence (type 0 in a snapshot)
/// </code>
/// </summary>
internal sealed class TrackingLog
{
    /// <summary>A chunk with more is not looked into: that would be more names than a broker keeps.</summary>
    private const int MaxChunkBytes = 16 * 1024 * 1024;

    private readonly Dictionary<string, long> _offsets = new(StringComparer.Ordinal);
    private byte[] _buffer = new byte[1024];
    private int _length;
    private ChunkType _type;

    /// <summary>The offsets so far.</summary>
    internal IReadOnlyDictionary<string, long> Offsets => new Dictionary<string, long>(_offsets, StringComparer.Ordinal);

    /// <summary>A tracking chunk begins.</summary>
    internal void Begin(in ChunkHeader header)
    {
        _type = header.Type;
        _length = 0;
        if (_buffer.Length < header.DataLength && header.DataLength <= MaxChunkBytes)
        {
            _buffer = new byte[header.DataLength];
        }
    }

    /// <summary>The next piece of its data.</summary>
    internal void Append(ReadOnlySpan<byte> data)
    {
        if (_length + data.Length <= _buffer.Length)
        {
            data.CopyTo(_buffer.AsSpan(_length));
            _length += data.Length;
        }
    }

    /// <summary>The chunk is complete. What can't be understood is left out: it is no message.</summary>
    internal void End(bool intact)
    {
        if (!intact || _length < 4)
        {
            return;
        }

        ReadOnlySpan<byte> rest = _buffer.AsSpan(4, _length - 4);
        while (rest.Length >= 2)
        {
            int nameLength = rest[1];
            int valueLength = rest[0] switch { 0 => _type is ChunkType.TrackingSnapshot ? 16 : 8, 1 or 2 => 8, _ => int.MaxValue / 2 };
            if (rest.Length < 2 + nameLength + valueLength)
            {
                return;
            }

            if (rest[0] == 1)
            {
                _offsets[Encoding.UTF8.GetString(rest.Slice(2, nameLength))] = BinaryPrimitives.ReadInt64BigEndian(rest[(2 + nameLength)..]);
            }

            rest = rest[(2 + nameLength + valueLength)..];
        }
    }
}
