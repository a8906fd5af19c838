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
}
