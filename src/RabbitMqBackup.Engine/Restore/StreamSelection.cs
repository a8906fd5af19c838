using System.Buffers.Binary;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Messages.Amqp10;
using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>
/// What of a stream's records is meant, as entries to be published. Nearly always a record is in or out as a whole: its messages share a timestamp, so that a window in time is exact to the chunk, as the
/// broker has it. Only where a range of offsets, a number of messages or the publishers' own timestamps cut into it is it taken apart.
/// </summary>
/// <param name="source">The stream.</param>
internal sealed class StreamSelection(SourceQueue source)
{
    /// <summary>The parts of a record that are meant, each with the offset of its first message.</summary>
    /// <param name="record">The record.</param>
    /// <param name="ordinal">The number of its first message among all of the source.</param>
    /// <param name="needsFilter">Not all of its segment is meant.</param>
    internal IReadOnlyList<(ulong Offset, ReadOnlyMemory<byte> Entries)> Of(in SegmentRecord record, long ordinal, bool needsFilter)
    {
        long from = Math.Max(record.FirstOffset, record.FirstOffset + source.FirstOrdinal - ordinal);
        long to = source.EndOrdinal >= ordinal + record.Messages ? long.MaxValue : record.FirstOffset + source.EndOrdinal - ordinal - 1;
        bool eachMessage = false;
        if (needsFilter)
        {
            from = Math.Max(from, source.Filter.FromOffset);
            to = Math.Min(to, source.Filter.ToOffset);
            eachMessage = source.Filter is { HasWindow: true, Basis: TimeBasis.MessageTimestamp };
            if (!eachMessage && source.Filter.HasWindow && !(record.CapturedAt >= source.Filter.After && record.CapturedAt < source.Filter.Before))
            {
                return [];
            }
        }

        long last = record.FirstOffset + record.Messages - 1;
        if (from > last || to < record.FirstOffset)
        {
            return [];
        }

        return !eachMessage && from <= record.FirstOffset && to >= last ? [((ulong)record.FirstOffset, record.Entries)] : Cut(record, from, to, eachMessage);
    }

    private List<(ulong Offset, ReadOnlyMemory<byte> Entries)> Cut(in SegmentRecord record, long from, long to, bool eachMessage)
    {
        List<(ulong Offset, ReadOnlyMemory<byte> Entries)> parts = [];
        long time = record.CapturedAt;
        ChunkMessages.Visit(record.Entries.Span, (ulong)record.FirstOffset, (offset, message) =>
        {
            if ((long)offset >= from && (long)offset <= to && (!eachMessage || source.Filter.Matches(time, (long)offset, Amqp091Conversion.Convert(message).Properties)))
            {
                byte[] entry = new byte[4 + message.Length];
                BinaryPrimitives.WriteInt32BigEndian(entry, message.Length);
                message.CopyTo(entry.AsSpan(4));
                parts.Add((offset, entry));
            }

            return true;
        });
        return parts;
    }
}
