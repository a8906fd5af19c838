using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>
/// Where a subscription begins:
/// <code>start = type:u16 [offset:u64 | timestamp:i64]     1 first, 2 last, 3 next, 4 offset, 5 timestamp in ms since 1970 UTC</code>
/// The broker always begins at a chunk's start, so that earlier messages of the first chunk come too.
/// </summary>
internal sealed record StreamStart
{
    private readonly ushort _type;
    private readonly long _value;

    private StreamStart(ushort type, long value)
    {
        _type = type;
        _value = value;
    }

    /// <summary>The first chunk there is.</summary>
    internal static StreamStart First => new(1, 0);

    /// <summary>The last chunk with messages.</summary>
    internal static StreamStart Last => new(2, 0);

    /// <summary>What is written from now on.</summary>
    internal static StreamStart Next => new(3, 0);

    /// <summary>The offset asked for, or null for another kind of start.</summary>
    internal long? OffsetOrNull => _type == 4 ? _value : null;

    /// <summary>The chunk that holds this offset; the first one, where retention has taken it.</summary>
    internal static StreamStart Offset(long offset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        return new StreamStart(4, offset);
    }

    /// <summary>The first chunk written at or after this time (to the ms).</summary>
    internal static StreamStart Timestamp(DateTimeOffset time) => new(5, time.ToUnixTimeMilliseconds());

    /// <summary>True where nothing up to and with the last chunk is meant.</summary>
    internal bool IsAfter(in ChunkHeader last) => _type switch
    {
        3 => true,
        4 => (ulong)_value >= last.NextOffset,
        5 => _value > last.Timestamp,
        _ => false,
    };

    internal void Write(FrameWriter writer)
    {
        writer.UInt16(_type);
        if (_type >= 4)
        {
            writer.UInt64((ulong)_value);
        }
    }

    /// <inheritdoc/>
    public override string ToString() => _type switch { 2 => "last", 3 => "next", 4 => $"offset {_value}", 5 => $"timestamp {_value}", _ => "first" };
}
