using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>What is missing of a stream, in the manifest's words.</summary>
internal static class StreamGaps
{
    /// <summary>What retention has taken from an offset on.</summary>
    internal static IEnumerable<StreamGap> Truncated(StreamReadResult result, long from) => result.Gaps
        .Where(gap => gap.Kind is StreamGapKind.Truncated && gap.LastOffset >= from)
        .Select(gap => gap with { FirstOffset = Math.Max(gap.FirstOffset, from) });

    /// <summary>The manifest's entry.</summary>
    internal static GapEntry ToEntry(StreamGap gap)
    {
        long count = gap.LastOffset - gap.FirstOffset + 1;
        return gap.Kind is StreamGapKind.Corrupt
            ? new GapEntry(count, "Corrupt", "The broker delivered this chunk damaged, twice: its log on the broker's disk is.", gap.FirstOffset, gap.LastOffset)
            : new GapEntry(count, "Retention", "The stream's retention took these offsets before they were read; stored offsets of consumers count among them.", gap.FirstOffset, gap.LastOffset);
    }
}
