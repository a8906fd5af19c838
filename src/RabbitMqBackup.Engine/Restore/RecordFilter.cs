using System.Buffers.Binary;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Messages;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>Which messages of a queue are meant, by time and offset. Immutable.</summary>
internal sealed record RecordFilter
{
    /// <summary>Not before this, ms since 1970 UTC.</summary>
    public long After { get; init; } = long.MinValue;

    /// <summary>Before this, ms since 1970 UTC.</summary>
    public long Before { get; init; } = long.MaxValue;

    /// <summary>Which time that is.</summary>
    public TimeBasis Basis { get; init; }

    /// <summary>First offset, for streams.</summary>
    public long FromOffset { get; init; }

    /// <summary>Last offset, for streams.</summary>
    public long ToOffset { get; init; } = long.MaxValue;

    /// <summary>There is a time window.</summary>
    internal bool HasWindow => After > long.MinValue || Before < long.MaxValue;

    /// <summary>There is a range of offsets.</summary>
    internal bool HasOffsets => FromOffset > 0 || ToOffset < long.MaxValue;

    /// <summary>Nothing is left out.</summary>
    internal bool IsEverything => !HasWindow && !HasOffsets;

    internal static RecordFilter From(RestoreOptions options) => new()
    {
        After = options.After?.ToUnixTimeMilliseconds() ?? long.MinValue,
        Before = options.Before?.ToUnixTimeMilliseconds() ?? long.MaxValue,
        Basis = options.TimeBasis,
        FromOffset = options.FromOffset ?? 0,
        ToOffset = options.ToOffset ?? long.MaxValue,
    };

    /// <summary>
    /// How much of a segment is meant, by its row in the manifest alone: nothing (false), everything (true), or only its records tell (null). Capture times in a segment are in order but where its row says or shows
    /// that they are not.
    /// </summary>
    internal bool? Covers(SegmentEntry segment)
    {
        bool? offsets = (HasOffsets, segment.FirstOffset, segment.LastOffset) switch
        {
            (false, _, _) => true,
            (_, { } first, { } last) => Covers(first, last, FromOffset, ToOffset),
            _ => null,
        };
        long begin = segment.FirstTime.ToUnixTimeMilliseconds();
        long end = segment.LastTime.ToUnixTimeMilliseconds();
        bool? times = !HasWindow ? true
            : Basis == TimeBasis.MessageTimestamp || segment.TimesGoBack || begin > end ? null
            : Covers(begin, end, After, Before == long.MaxValue ? long.MaxValue : Before - 1);
        return offsets == false || times == false ? false : offsets & times;
    }

    /// <summary>True when a message is meant.</summary>
    /// <param name="capturedAt">Ms since 1970 UTC.</param>
    /// <param name="offset">Offset, or null where there is none: then a range of offsets leaves it out.</param>
    /// <param name="properties">Property list as on the wire, for its timestamp.</param>
    internal bool Matches(long capturedAt, long? offset, ReadOnlySpan<byte> properties)
    {
        if (HasOffsets && !(offset >= FromOffset && offset <= ToOffset))
        {
            return false;
        }

        long? time = !HasWindow || Basis == TimeBasis.CapturedAt ? capturedAt : Timestamp(properties);
        return !HasWindow || (time >= After && time < Before);
    }

    private static bool? Covers(long first, long last, long from, long to) => last < from || first > to ? false : first >= from && last <= to ? true : null;

    /// <summary>The property timestamp in ms, or null. AMQP has seconds; what would overflow is as good as no time.</summary>
    private static long? Timestamp(ReadOnlySpan<byte> properties)
    {
        PropertyListReader reader = new(properties);
        while (reader.TryRead())
        {
            if (reader.Property == BasicProperty.Timestamp)
            {
                ulong seconds = BinaryPrimitives.ReadUInt64BigEndian(reader.Value);
                return seconds > long.MaxValue / 1000 ? null : (long)seconds * 1000;
            }
        }

        return null;
    }
}
