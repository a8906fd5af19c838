using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>The part of a stream's record that is meant: by time the whole chunk or nothing of it, since a chunk has one time; by offset the entries, a batch as a whole.</summary>
internal static class StreamSelection
{
    /// <summary>The record with the entries that are meant; one without messages where none is.</summary>
    internal static SegmentRecord Apply(RecordFilter filter, in SegmentRecord record)
    {
        bool isInTime = !filter.HasWindow || (record.CapturedAt >= filter.After && record.CapturedAt < filter.Before);
        if (!isInTime)
        {
            return default;
        }

        if (!filter.HasOffsets || (record.FirstOffset >= filter.FromOffset && record.FirstOffset + record.Messages - 1 <= filter.ToOffset))
        {
            return record;
        }

        ChunkEntryReader reader = new(record.Entries.Span, (ulong)record.FirstOffset);
        int begin = -1;
        int end = 0;
        int position = 0;
        int entries = 0;
        int messages = 0;
        long first = 0;
        while (reader.TryRead(out ChunkEntry entry))
        {
            long lowest = (long)entry.FirstOffset;
            if (lowest + entry.Records - 1 >= filter.FromOffset && lowest <= filter.ToOffset)
            {
                (begin, first) = begin < 0 ? (position, lowest) : (begin, first);
                end = reader.Position;
                entries++;
                messages += entry.Records;
            }

            position = reader.Position;
        }

        return begin < 0 ? default : record with { FirstOffset = first, EntryCount = entries, Messages = messages, Entries = record.Entries[begin..end] };
    }
}
