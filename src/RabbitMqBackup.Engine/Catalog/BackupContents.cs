using System.Runtime.CompilerServices;
using System.Text;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Messages;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>Looks into backups, one message at a time.</summary>
public static class BackupContents
{
    /// <summary>The segments of a backup, in the order of its queues.</summary>
    /// <exception cref="ArgumentException">The manifest did not come from a store.</exception>
    public static IEnumerable<BackupSegment> GetSegments(BackupManifest manifest)
    {
        BackupStore store = manifest.Store ?? throw new ArgumentException("The manifest has no store.", nameof(manifest));
        return manifest.Queues.SelectMany(queue => queue.Segments.Select(segment => new BackupSegment
        {
            BackupId = manifest.BackupId,
            VirtualHost = queue.VirtualHost,
            Queue = queue.Name,
            QueueEntry = queue,
            Entry = segment,
            Store = store,
        }));
    }

    /// <summary>The messages of a segment, in the order in which they were in the queue. The segment is checked as a whole before its first message is given.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>, <see cref="ErrorCode.ObjectNotFound"/>, or the store's.</exception>
    public static async IAsyncEnumerable<BackupMessage> ReadMessagesAsync(BackupSegment segment, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await using BackupCatalog catalog = new(segment.Store);
        using SegmentReader reader = await catalog.OpenReaderAsync(segment.BackupId, segment.Entry, new BlockPool(), cancellationToken).ConfigureAwait(false);
        while (reader.TryRead(out SegmentRecord record))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return NewMessage(segment, record);
        }
    }

    private static BackupMessage NewMessage(BackupSegment segment, in SegmentRecord record) => new()
    {
        BackupId = segment.BackupId,
        Queue = segment.Queue,
        VirtualHost = segment.VirtualHost,
        Exchange = Encoding.UTF8.GetString(record.Exchange.Span),
        RoutingKey = Encoding.UTF8.GetString(record.RoutingKey.Span),
        Redelivered = record.Redelivered,
        CapturedAt = DateTimeOffset.FromUnixTimeMilliseconds(record.CapturedAt),
        Properties = PropertyList.Parse(record.Properties.Span),
        Body = record.Body.ToArray(),
        RawProperties = record.Properties.ToArray(),
        RawRoutingKey = record.RoutingKey.ToArray(),
        QueueEntry = segment.QueueEntry,
        Store = segment.Store,
    };
}
