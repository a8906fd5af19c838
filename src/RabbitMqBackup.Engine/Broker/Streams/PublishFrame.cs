using System.Buffers.Binary;
using System.Text;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>
/// Builds one Publish frame, without IO:
/// <code>
/// Publish v1 = publisher:u8 count:u32 (publishing-id:u64 entry)*                          entry as in a chunk
/// Publish v2 = publisher:u8 count:u32 (publishing-id:u64 filter:string length:u32 octets)*
/// </code>
/// </summary>
/// <param name="publisher">The publisher's number.</param>
/// <param name="stream">The stream, for errors.</param>
/// <param name="maxEntries">Entries in a frame, at most.</param>
/// <param name="maxSize">Largest size field.</param>
internal sealed class PublishFrame(byte publisher, string stream, int maxEntries, int maxSize)
{
    private const int CountPosition = FrameHeader.Length + 1;
    private const int Overhead = FrameHeader.Length - 4 + 1 + 4;

    private readonly FrameWriter _writer = new(64 * 1024);
    private readonly ulong[] _ids = new ulong[maxEntries];
    private readonly ushort[] _messages = new ushort[maxEntries];
    private ushort _version;
    private ulong _lastId;

    /// <summary>Entries in it.</summary>
    internal int Count { get; private set; }

    /// <summary>Their publishing ids.</summary>
    internal ReadOnlySpan<ulong> Ids => _ids.AsSpan(0, Count);

    /// <summary>The messages of each.</summary>
    internal ReadOnlySpan<ushort> Messages => _messages.AsSpan(0, Count);

    /// <summary>Whether an entry of this length fits into an empty frame.</summary>
    internal bool Fits(int wireLength) => Overhead + 8L + wireLength <= maxSize;

    /// <summary>Whether a message of this length fits into an empty frame with its filter value.</summary>
    internal bool Fits(int wireLength, string? filter) => Fits(FilterLength(filter) + wireLength);

    /// <summary>Adds an entry as it is in a chunk; false where the frame has to be sent first.</summary>
    internal bool TryAdd(ulong id, ReadOnlySpan<byte> wire)
    {
        bool isBatch = (wire[0] & 0x80) != 0;
        if (!TryBegin(id, wire.Length, 1, isBatch ? BinaryPrimitives.ReadUInt16BigEndian(wire[1..]) : (ushort)1))
        {
            return false;
        }

        _writer.Raw(wire);
        return true;
    }

    /// <summary>Adds a message with its filter value; false where the frame has to be sent first.</summary>
    internal bool TryAddFiltered(ulong id, string? filter, ReadOnlySpan<byte> message)
    {
        if (!TryBegin(id, FilterLength(filter) + 4 + message.Length, 2, 1))
        {
            return false;
        }

        _writer.String(filter);
        _writer.Bytes(message);
        return true;
    }

    /// <summary>Completes it.</summary>
    /// <returns>The frame, until the next call of anything here.</returns>
    internal ReadOnlyMemory<byte> Finish()
    {
        _writer.PatchUInt32(CountPosition, (uint)Count);
        _writer.End();
        return _writer.Written;
    }

    /// <summary>Begins anew.</summary>
    internal void Reset()
    {
        _writer.Reset();
        Count = 0;
    }

    private static int FilterLength(string? filter) => 2 + (filter is null ? 0 : Encoding.UTF8.GetByteCount(filter));

    private bool TryBegin(ulong id, int length, ushort version, ushort messages)
    {
        if (!Fits(length))
        {
            throw new RabbitBackupException(ErrorCode.PublishRejected, $"An entry of {length} bytes for the stream '{stream}' exceeds the broker's frame size of {maxSize} bytes.")
            {
                Target = stream,
                Hint = "Publish it through AMQP, or raise stream.frame_max on the broker.",
            };
        }

        if (id <= _lastId)
        {
            throw new InvalidOperationException($"Publishing id {id} comes after {_lastId}; the broker would drop it as a duplicate.");
        }

        if (Count == 0)
        {
            _writer.Begin(StreamCommand.Publish, version);
            _writer.Byte(publisher);
            _writer.UInt32(0);
            _version = version;
        }
        else if (Count == maxEntries || _version != version || _writer.Length - 4L + 8 + length > maxSize)
        {
            return false;
        }

        _writer.UInt64(id);
        _messages[Count] = messages;
        _ids[Count++] = id;
        _lastId = id;
        return true;
    }
}
