using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>Adds to the streams of an incremental backup what the backups before it hold.</summary>
internal static class StreamChains
{
    /// <summary>The sources with the earlier segments of each stream. Only a whole backup has any: segments and messages are meant as they are.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.BackupIncomplete"/>: a backup of the chain is missing.</exception>
    internal static async Task<IReadOnlyList<SourceQueue>> WithEarlierAsync(IReadOnlyList<SourceQueue> sources, RestoreOptions options, CancellationToken cancellationToken)
    {
        if (options.Manifest is not { BasedOn: not null, Store: { } store } manifest)
        {
            return sources;
        }

        await using BackupCatalog catalog = new(store);
        IReadOnlyList<BackupManifest> chain = await BackupChain.ResolveAsync(catalog, manifest, cancellationToken).ConfigureAwait(false);
        return [.. sources.Select(source => source.Entry.Type == QueueTypes.Stream ? WithEarlier(chain, source) : source)];
    }

    private static SourceQueue WithEarlier(IReadOnlyList<BackupManifest> chain, SourceQueue source)
    {
        IEnumerable<(string BackupId, SegmentEntry Segment)> earlier = BackupChain.PartsOf(chain, source.Entry.VirtualHost, source.Entry.Name)
            .Where(part => part.Manifest.BackupId != source.BackupId)
            .SelectMany(part => part.Entry.Segments.Select(segment => (part.Manifest.BackupId, segment)));
        IEnumerable<(string, SegmentEntry Segment)> all = earlier.Concat(source.Entry.Segments.Select(segment => (source.BackupId, segment)));
        return SourceQueue.OfSegments(source.Entry, source.BackupId, source.Store, [.. all.OrderBy(part => part.Segment.FirstOffset ?? 0)], source.Filter);
    }
}
