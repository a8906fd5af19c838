using System.Buffers;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>
/// Keeps the messages that a target did not take as a backup of their own, as they were captured, so that they can be looked at and restored like any other.
/// </summary>
internal sealed class RejectedBackup(BackupStore store, BlockPool pool, TimeProvider time)
{
    private const long SegmentBytes = 64 << 20;

    /// <summary>Reads those messages once more from where they came, and stores them.</summary>
    /// <param name="rejected">By queue, the ordinals.</param>
    /// <param name="cancellationToken">Ends it; there is no backup then.</param>
    /// <returns>The id of the backup.</returns>
    /// <exception cref="RabbitBackupException">A store can't be used.</exception>
    internal async Task<string> WriteAsync(IReadOnlyList<(SourceQueue Source, IReadOnlyList<long> Ordinals)> rejected, CancellationToken cancellationToken)
    {
        DateTimeOffset created = time.GetUtcNow();
        string id = $"rejected-{BackupId.New(time)}";
        BackupCatalog catalog = new(store);
        await using (catalog.ConfigureAwait(false))
        {
            List<QueueEntry> entries = [];
            // Single messages can come from several backups of one queue.
            foreach (IGrouping<(string VirtualHost, string Name), (SourceQueue Source, IReadOnlyList<long> Ordinals)> queue in rejected.GroupBy(row => (row.Source.Entry.VirtualHost, row.Source.Entry.Name)))
            {
                List<SegmentEntry> segments = [];
                foreach ((SourceQueue source, IReadOnlyList<long> ordinals) in queue)
                {
                    await WriteQueueAsync(catalog, id, source, ordinals, segments, cancellationToken).ConfigureAwait(false);
                }

                long messages = segments.Sum(segment => segment.Records);
                entries.Add(queue.First().Source.Entry with
                {
                    Outcome = QueueOutcome.Captured,
                    Messages = messages,
                    DepthAtStart = messages,
                    Bytes = segments.Sum(segment => segment.UncompressedBytes),
                    ErrorCode = null,
                    Reason = null,
                    Gaps = [],
                    Segments = segments,
                });
            }

            BackupManifest manifest = new()
            {
                BackupId = id,
                Status = BackupStatus.Complete,
                CreatedAt = created,
                CompletedAt = time.GetUtcNow(),
                SourceCluster = $"rejected by a restore of {string.Join(", ", rejected.Select(queue => queue.Source.BackupId).Distinct())}",
                BackupToolVersion = typeof(RejectedBackup).Assembly.GetName().Version?.ToString(3) ?? "",
                Queues = entries,
            };
            await catalog.CommitAsync(manifest, cancellationToken).ConfigureAwait(false);
            return id;
        }
    }

    private async Task WriteQueueAsync(
        BackupCatalog catalog, string id, SourceQueue source, IReadOnlyList<long> ordinals, List<SegmentEntry> segments, CancellationToken cancellationToken)
    {
        HashSet<long> wanted = [.. ordinals];
        SegmentWriter? writer = null;
        SourceCursor cursor = new(source, wanted.Min(), pool, _ => { });
        await using (cursor.ConfigureAwait(false))
        {
            try
            {
                while (wanted.Count > 0 && await cursor.MoveNextAsync(cancellationToken).ConfigureAwait(false))
                {
                    if (!wanted.Remove(cursor.Current.Ordinal))
                    {
                        continue;
                    }

                    writer ??= new SegmentWriter(new SegmentWriterOptions { BlockPool = pool });
                    Append(writer, cursor.Current);
                    if (writer.UncompressedBytes >= SegmentBytes)
                    {
                        segments.Add(await PutAsync(catalog, id, source.Entry, segments.Count + 1, writer, cancellationToken).ConfigureAwait(false));
                        writer.Dispose();
                        writer = null;
                    }
                }

                if (writer is not null)
                {
                    segments.Add(await PutAsync(catalog, id, source.Entry, segments.Count + 1, writer, cancellationToken).ConfigureAwait(false));
                }
            }
            finally
            {
                writer?.Dispose();
            }
        }
    }

    private static void Append(SegmentWriter writer, in SourceRecord record) => writer.Append(new RecordContent
    {
        Exchange = record.Exchange.Span,
        RoutingKey = record.RoutingKey.Span,
        Properties = record.Properties.Span,
        Body = new ReadOnlySequence<byte>(record.Body),
        Redelivered = record.Redelivered,
        CapturedAt = record.CapturedAt,
    });

    private static async Task<SegmentEntry> PutAsync(BackupCatalog catalog, string id, QueueEntry queue, int number, SegmentWriter writer, CancellationToken cancellationToken)
    {
        string key = QueueKey.Segment(queue.VirtualHost, queue.Name, number, SegmentCompression.Zstd);
        using SegmentContent content = writer.Finish();
        return await catalog.PutSegmentAsync(id, key, content, cancellationToken).ConfigureAwait(false);
    }
}
