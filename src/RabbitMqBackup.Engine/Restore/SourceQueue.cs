using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>What is to be restored of one queue of one backup.</summary>
internal sealed record SourceQueue
{
    /// <summary>The queue as it was.</summary>
    public required QueueEntry Entry { get; init; }

    /// <summary>The backup it is from.</summary>
    public required string BackupId { get; init; }

    /// <summary>Where the segments lie; null when there are only messages.</summary>
    public BackupStore? Store { get; init; }

    /// <summary>Segments with messages that are or may be meant, oldest first.</summary>
    public IReadOnlyList<SourceSegment> Segments { get; init; } = [];

    /// <summary>Single messages, in the order they came.</summary>
    public IReadOnlyList<BackupMessage> Messages { get; init; } = [];

    /// <summary>Which records are meant, where a segment needs it.</summary>
    public RecordFilter Filter { get; init; } = new();

    /// <summary>Ordinal of the first record that is meant.</summary>
    public long FirstOrdinal { get; init; }

    /// <summary>Ordinal behind the last record that is meant.</summary>
    public long EndOrdinal { get; init; } = long.MaxValue;

    /// <summary>Messages that are meant; an upper bound until the segments that need the filter are counted.</summary>
    public long Count { get; init; }

    /// <summary><see cref="Count"/> is an upper bound: how many it is shows when they are read.</summary>
    public bool IsEstimate { get; init; }

    /// <summary>Bytes of their records before compression; estimated for a segment of which only a part is meant.</summary>
    public long Bytes { get; init; }

    /// <summary>Takes the sources apart by queue, in the order in which they were given, and leaves out what can't be meant.</summary>
    internal static IReadOnlyList<SourceQueue> From(RestoreOptions options)
    {
        RecordFilter filter = RecordFilter.From(options);
        if (options.Manifest is { } manifest)
        {
            return [.. manifest.Queues.Select(queue => OfSegments(queue, manifest.BackupId, manifest.Store, queue.Segments, filter))];
        }

        if (options.Segments.Count > 0)
        {
            return
            [
                .. options.Segments
                    .GroupBy(segment => (segment.Store.DisplayUri, segment.BackupId, segment.VirtualHost, segment.Queue))
                    .Select(group => OfSegments(group.First().QueueEntry, group.Key.BackupId, group.First().Store, [.. group.Select(segment => segment.Entry)], filter)),
            ];
        }

        return
        [
            .. options.Messages
                .Where(message => filter.Matches(message.CapturedAt.ToUnixTimeMilliseconds(), message.Offset, message.RawProperties))
                .GroupBy(message => (message.BackupId, message.VirtualHost, message.Queue))
                .Select(group => new SourceQueue
                {
                    Entry = group.First().QueueEntry,
                    BackupId = group.Key.BackupId,
                    Messages = [.. group],
                    Count = group.Count(),
                    Bytes = group.Sum(message => (long)message.Body.Length),
                }),
        ];
    }

    private static SourceQueue OfSegments(QueueEntry entry, string backupId, BackupStore? store, IReadOnlyList<SegmentEntry> segments, RecordFilter filter) =>
        OfSegments(entry, backupId, store, [.. segments.Select(segment => (backupId, segment))], filter);

    /// <summary>A source over segments of one or, where backups of a stream go on from each other, several backups.</summary>
    internal static SourceQueue OfSegments(QueueEntry entry, string backupId, BackupStore? store, IReadOnlyList<(string BackupId, SegmentEntry Entry)> segments, RecordFilter filter)
    {
        List<SourceSegment> meant = [];
        long ordinal = 0;
        foreach ((string holder, SegmentEntry segment) in segments)
        {
            bool? covers = filter.Covers(segment);
            if (covers != false)
            {
                meant.Add(new SourceSegment(holder, segment, ordinal, covers is null));
            }

            ordinal += segment.Records;
        }

        return new SourceQueue
        {
            Entry = entry,
            BackupId = backupId,
            Store = store,
            Segments = meant,
            Filter = filter,
            EndOrdinal = ordinal,
            Count = meant.Sum(segment => segment.Entry.Records),
            IsEstimate = meant.Exists(segment => segment.NeedsFilter),
            Bytes = meant.Sum(segment => segment.Entry.UncompressedBytes),
        };
    }
}
