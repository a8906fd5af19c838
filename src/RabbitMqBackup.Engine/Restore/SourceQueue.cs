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

    /// <summary>Segments, oldest first.</summary>
    public IReadOnlyList<SegmentEntry> Segments { get; init; } = [];

    /// <summary>Streams: segments of the backups that this one goes on from, oldest first.</summary>
    public IReadOnlyList<(string BackupId, SegmentEntry Segment)> Earlier { get; init; } = [];

    /// <summary>Single messages, in the order they came.</summary>
    public IReadOnlyList<BackupMessage> Messages { get; init; } = [];

    /// <summary>Messages in all.</summary>
    public long Count => Segments.Sum(segment => segment.Records) + Earlier.Sum(part => part.Segment.Records) + Messages.Count;

    /// <summary>Bytes of their records before compression.</summary>
    public long Bytes => Segments.Sum(segment => segment.UncompressedBytes) + Earlier.Sum(part => part.Segment.UncompressedBytes) + Messages.Sum(message => (long)message.Body.Length);

    /// <summary>Takes the sources apart by queue, in the order in which they were given.</summary>
    internal static IReadOnlyList<SourceQueue> From(RestoreOptions options)
    {
        if (options.Manifest is { } manifest)
        {
            return [.. manifest.Queues.Select(queue => new SourceQueue { Entry = queue, BackupId = manifest.BackupId, Store = manifest.Store, Segments = queue.Segments })];
        }

        if (options.Segments.Count > 0)
        {
            return
            [
                .. options.Segments
                    .GroupBy(segment => (segment.Store.DisplayUri, segment.BackupId, segment.VirtualHost, segment.Queue))
                    .Select(group => new SourceQueue
                    {
                        Entry = group.First().QueueEntry,
                        BackupId = group.Key.BackupId,
                        Store = group.First().Store,
                        Segments = [.. group.Select(segment => segment.Entry)],
                    }),
            ];
        }

        return
        [
            .. options.Messages
                .GroupBy(message => (message.BackupId, message.VirtualHost, message.Queue))
                .Select(group => new SourceQueue { Entry = group.First().QueueEntry, BackupId = group.Key.BackupId, Messages = [.. group] }),
        ];
    }
}
