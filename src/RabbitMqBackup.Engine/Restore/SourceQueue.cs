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

    /// <summary>All of the queue that the backup has is meant.</summary>
    public bool IsWhole { get; init; }

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
    /// <param name="options">What is asked for.</param>
    /// <param name="chain">Where the backup goes on from others: those, and itself, oldest first.</param>
    internal static IReadOnlyList<SourceQueue> From(RestoreOptions options, IReadOnlyList<BackupManifest> chain)
    {
        RecordFilter filter = RecordFilter.From(options);
        if (options.Manifest is { } manifest)
        {
            return [.. manifest.Queues.Select(queue => OfSegments(queue, manifest.BackupId, manifest.Store, Parts(manifest, queue, chain), filter) with { IsWhole = filter.IsEverything && options is { First: null, Last: null } })];
        }

        if (options.Segments.Count > 0)
        {
            return
            [
                .. options.Segments
                    .GroupBy(segment => (segment.Store.DisplayUri, segment.BackupId, segment.VirtualHost, segment.Queue))
                    .Select(group => OfSegments(group.First().QueueEntry, group.Key.BackupId, group.First().Store, InOrder(group), filter)),
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

    /// <summary>A stream is in all the backups of its chain together.</summary>
    private static IReadOnlyList<(string BackupId, SegmentEntry Entry)> Parts(BackupManifest manifest, QueueEntry queue, IReadOnlyList<BackupManifest> chain) =>
        chain.Count > 0 && queue.Stream is not null
            ? [.. BackupChain.PartsOf(chain, queue.VirtualHost, queue.Name).SelectMany(part => part.Entry.Segments.Select(segment => (part.Manifest.BackupId, segment)))]
            : [.. queue.Segments.Select(segment => (manifest.BackupId, segment))];

    /// <summary>Of a stream in the order of its offsets, however they were given, and each once: the broker takes no publishing id behind a higher one.</summary>
    private static IReadOnlyList<(string BackupId, SegmentEntry Entry)> InOrder(IEnumerable<BackupSegment> segments) =>
    [
        .. segments
            .GroupBy(segment => segment.Entry.FirstOffset is null ? new object() : segment.Key)
            .Select(same => (same.First().BackupId, same.First().Entry))
            .OrderBy(segment => segment.Entry.FirstOffset),
    ];

    /// <summary>Whether all of a stream's segment lies before what an earlier run has brought over, by its row alone.</summary>
    /// <param name="segment">The segment.</param>
    /// <param name="storedId">The highest publishing id that the target has: an offset + 1.</param>
    internal bool IsPassed(SourceSegment segment, ulong storedId) =>
        !segment.NeedsFilter && segment.FirstOrdinal >= FirstOrdinal && segment.EndOrdinal <= EndOrdinal && segment.Entry.LastOffset is { } last && (ulong)last < storedId;

    private static SourceQueue OfSegments(QueueEntry entry, string backupId, BackupStore? store, IReadOnlyList<(string BackupId, SegmentEntry Entry)> segments, RecordFilter filter)
    {
        List<SourceSegment> meant = [];
        long ordinal = 0;
        foreach ((string origin, SegmentEntry segment) in segments)
        {
            bool? covers = filter.Covers(segment);
            if (covers != false)
            {
                meant.Add(new SourceSegment(origin, segment, ordinal, covers is null));
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
