using RabbitMqBackup.Engine.Format;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>
/// Finds out how many messages a selection means, and which for the first or last so many, reading no more segments than it must: those that a window cuts through. Windows over the publisher's
/// timestamp would need all segments; these are counted only where the last so many are asked for.
/// </summary>
internal sealed class SourceCounter(RestoreOptions options)
{
    private readonly BlockPool _pool = new();

    /// <summary>The source with exact counts and the range of ordinals, where that can be had.</summary>
    /// <exception cref="RabbitBackupException">The store can't be used.</exception>
    internal async Task<SourceQueue> ResolveAsync(SourceQueue source, CancellationToken cancellationToken)
    {
        if (source.Segments.Count == 0)
        {
            return source;
        }

        return options switch
        {
            { First: { } first } => await FirstAsync(source, first, cancellationToken).ConfigureAwait(false),
            { Last: { } last } => await LastAsync(source, last, cancellationToken).ConfigureAwait(false),
            { TimeBasis: TimeBasis.MessageTimestamp } when source.IsEstimate => source,
            _ => await CountAsync(source, cancellationToken).ConfigureAwait(false),
        };
    }

    private async Task<SourceQueue> CountAsync(SourceQueue source, CancellationToken cancellationToken)
    {
        long count = 0;
        long bytes = 0;
        List<SourceSegment> meant = [];
        foreach (SourceSegment segment in source.Segments)
        {
            if (!segment.NeedsFilter)
            {
                meant.Add(segment);
                count += segment.Entry.Records;
                bytes += segment.Entry.UncompressedBytes;
                continue;
            }

            (List<long> found, bool damaged) = await MatchesAsync(source, segment, cancellationToken).ConfigureAwait(false);
            if (found.Count > 0 || damaged)
            {
                meant.Add(segment);
                count += found.Count;
                bytes += segment.Entry.UncompressedBytes * found.Count / segment.Entry.Records;
            }
        }

        return source with { Segments = meant, Count = count, Bytes = bytes, IsEstimate = false };
    }

    private async Task<SourceQueue> FirstAsync(SourceQueue source, long wanted, CancellationToken cancellationToken)
    {
        Tally tally = new(wanted);
        long end = source.EndOrdinal;
        foreach (SourceSegment segment in source.Segments)
        {
            if (segment.NeedsFilter)
            {
                (List<long> found, bool damaged) = await MatchesAsync(source, segment, cancellationToken).ConfigureAwait(false);
                end = found.Count >= tally.Missing ? found[(int)tally.Missing - 1] + 1 : end;
                tally.Add(segment, found.Count, damaged);
            }
            else
            {
                end = segment.Entry.Records >= tally.Missing ? segment.FirstOrdinal + tally.Missing : end;
                tally.Add(segment, segment.Entry.Records);
            }

            if (tally.Missing == 0)
            {
                break;
            }
        }

        return source with { Segments = tally.Segments, EndOrdinal = end, Count = tally.Count, Bytes = tally.Bytes, IsEstimate = false };
    }

    private async Task<SourceQueue> LastAsync(SourceQueue source, long wanted, CancellationToken cancellationToken)
    {
        Tally tally = new(wanted);
        long begin = source.FirstOrdinal;
        foreach (SourceSegment segment in source.Segments.Reverse())
        {
            if (segment.NeedsFilter)
            {
                (List<long> found, bool damaged) = await MatchesAsync(source, segment, cancellationToken).ConfigureAwait(false);
                begin = found.Count >= tally.Missing ? found[^(int)tally.Missing] : begin;
                tally.Add(segment, found.Count, damaged);
            }
            else
            {
                begin = segment.Entry.Records >= tally.Missing ? segment.EndOrdinal - tally.Missing : begin;
                tally.Add(segment, segment.Entry.Records);
            }

            if (tally.Missing == 0)
            {
                break;
            }
        }

        tally.Segments.Reverse();
        return source with { Segments = tally.Segments, FirstOrdinal = begin, Count = tally.Count, Bytes = tally.Bytes, IsEstimate = false };
    }

    /// <summary>Ordinals of a segment's records that match, and whether it is damaged: then some may lack, and it is kept, so that the restore meets the damage and tells it.</summary>
    private async Task<(List<long> Found, bool Damaged)> MatchesAsync(SourceQueue source, SourceSegment segment, CancellationToken cancellationToken)
    {
        List<long> found = [];
        bool damaged = false;
        SourceCursor cursor = new(source with { Segments = [segment] }, 0, _pool, _ => damaged = true);
        await using (cursor.ConfigureAwait(false))
        {
            while (await cursor.MoveNextAsync(cancellationToken).ConfigureAwait(false))
            {
                found.Add(cursor.Current.Ordinal);
            }
        }

        return (found, damaged);
    }

    /// <summary>Segments taken until so many messages are together.</summary>
    private sealed class Tally(long wanted)
    {
        internal List<SourceSegment> Segments { get; } = [];

        internal long Count { get; private set; }

        internal long Bytes { get; private set; }

        internal long Missing => wanted - Count;

        internal void Add(SourceSegment segment, long matching, bool damaged = false)
        {
            long taken = Math.Min(Missing, matching);
            if (taken > 0 || damaged)
            {
                Segments.Add(segment);
                Count += taken;
                Bytes += segment.Entry.UncompressedBytes * taken / segment.Entry.Records;
            }
        }
    }
}
