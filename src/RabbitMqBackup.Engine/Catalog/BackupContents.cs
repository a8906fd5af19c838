using System.Runtime.CompilerServices;
using System.Text;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Messages;
using RabbitMqBackup.Engine.Messages.Amqp10;
using RabbitMqBackup.Engine.Messages.Chunks;
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

    /// <summary>
    /// The messages of a segment, in the order in which they were in the queue. The segment is checked as a whole before its first message is given; that their number is not the manifest's is told
    /// behind the last.
    /// </summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>, <see cref="ErrorCode.ObjectNotFound"/>, or the store's.</exception>
    public static async IAsyncEnumerable<BackupMessage> ReadMessagesAsync(BackupSegment segment, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await using BackupCatalog catalog = new(segment.Store);
        using SegmentReader reader = await catalog.OpenReaderAsync(segment.BackupId, segment.Entry, new BlockPool(), cancellationToken).ConfigureAwait(false);
        while (reader.TryRead(out SegmentRecord record))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (record.Kind == SegmentRecordKind.Message)
            {
                yield return NewMessage(segment, record);
                continue;
            }

            foreach (BackupMessage message in StreamMessages(segment, record))
            {
                yield return message;
            }
        }

        if (reader.Miscount(segment.Entry) is { } miscount)
        {
            throw miscount;
        }
    }

    /// <summary>The messages of a record of a stream, batches unpacked, as a consumer of AMQP 0-9-1 would get them.</summary>
    private static List<BackupMessage> StreamMessages(BackupSegment segment, in SegmentRecord record)
    {
        List<BackupMessage> messages = new(record.Messages);
        DateTimeOffset time = DateTimeOffset.FromUnixTimeMilliseconds(record.CapturedAt);
        ChunkMessages.Visit(record.Entries.Span, (ulong)record.FirstOffset, (offset, message) =>
        {
            Amqp091Message converted = Amqp091Conversion.Convert(message);
            messages.Add(new BackupMessage
            {
                BackupId = segment.BackupId,
                Queue = segment.Queue,
                VirtualHost = segment.VirtualHost,
                Exchange = converted.Exchange,
                RoutingKey = converted.RoutingKey,
                CapturedAt = time,
                Offset = (long)offset,
                Properties = PropertyList.Parse(converted.Properties),
                Body = converted.Body,
                RawProperties = converted.Properties,
                RawRoutingKey = Encoding.UTF8.GetBytes(converted.RoutingKey),
                RawMessage = message.ToArray(),
                QueueEntry = segment.QueueEntry,
                Store = segment.Store,
            });
            return true;
        });
        return messages;
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
        Offset = segment.QueueEntry.Stream is null ? null : PropertyList.Parse(record.Properties.Span).Headers.GetValueOrDefault("x-stream-offset") as long?,
        Body = record.Body.ToArray(),
        RawProperties = record.Properties.ToArray(),
        RawRoutingKey = record.RoutingKey.ToArray(),
        QueueEntry = segment.QueueEntry,
        Store = segment.Store,
    };
}
