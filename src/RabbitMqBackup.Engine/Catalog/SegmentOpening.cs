using RabbitMqBackup.Engine.Format;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>From a segment's row in a manifest to its records.</summary>
internal static class SegmentOpening
{
    /// <summary>Fetches a segment into memory and checks it as a whole against its row: length, SHA-256, checksum. Only then are there records.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>, <see cref="ErrorCode.FormatTooNew"/>, <see cref="ErrorCode.ObjectNotFound"/>, or the store's; its target is the segment's path.</exception>
    internal static async Task<SegmentReader> OpenReaderAsync(this BackupCatalog catalog, string backupId, SegmentEntry segment, BlockPool pool, CancellationToken cancellationToken)
    {
        Stream content = await catalog.OpenSegmentAsync(backupId, segment, cancellationToken).ConfigureAwait(false);
        await using (content.ConfigureAwait(false))
        {
            SegmentReadOptions options = new() { BlockPool = pool, ExpectedLength = segment.StoredBytes, ExpectedSha256 = segment.Sha256, Target = segment.Key };
            return await SegmentReader.OpenAsync(content, options, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// What is wrong where a segment that is whole holds another number of messages than its row says; null where it does not. Only the row can be at fault then, so that the messages are worth having,
    /// and yet nobody may take what they are for all that was backed up.
    /// </summary>
    internal static RabbitBackupException? Miscount(this SegmentReader reader, SegmentEntry segment) => reader.Header.Records == segment.Records ? null
        : new RabbitBackupException(ErrorCode.SegmentCorrupt, $"'{segment.Key}' holds {reader.Header.Records} message(s), and the manifest says {segment.Records}.")
        {
            Target = segment.Key,
            Hint = "The manifest was altered: take it from a copy of the backup, or use another backup.",
        };
}
