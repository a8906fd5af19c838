namespace RabbitMqBackup.Engine.Catalog;

/// <summary>
/// Incremental backups form chains: each names the one that it is based on. What a stream had is in the backups of its chain together; what a queue had is in the last one alone.
/// </summary>
public static class BackupChain
{
    /// <summary>Longer chains are refused: a restore has to read each of their manifests.</summary>
    private const int MaxLength = 10_000;

    /// <summary>The backups that are directly based on one: none of them can be restored without it. Whoever removes or moves backups asks here.</summary>
    /// <param name="backupId">The backup.</param>
    /// <param name="all">All backups of the store.</param>
    public static IReadOnlyList<BackupManifest> DependentsOf(string backupId, IEnumerable<BackupManifest> all) => [.. new BackupChains(all).DependentsOf(backupId)];

    /// <summary>The backups of a chain, from the one that stands by itself to the one given.</summary>
    /// <exception cref="RabbitBackupException">
    /// <see cref="ErrorCode.BackupIncomplete"/>: one of the chain is missing, or it goes round in a circle. Or as <see cref="BackupCatalog.GetAsync"/>.
    /// </exception>
    public static async Task<IReadOnlyList<BackupManifest>> ResolveAsync(BackupCatalog catalog, BackupManifest manifest, CancellationToken cancellationToken)
    {
        List<BackupManifest> chain = [manifest];
        HashSet<string> seen = [manifest.BackupId];
        while (chain[^1].BasedOn is { } id)
        {
            if (!seen.Add(id) || chain.Count == MaxLength)
            {
                throw Broken(manifest, id, "its chain goes round in a circle, or is too long", null);
            }

            try
            {
                chain.Add(await catalog.GetAsync(id, cancellationToken).ConfigureAwait(false));
            }
            catch (RabbitBackupException missing) when (missing.Code is ErrorCode.BackupNotFound)
            {
                throw Broken(manifest, id, $"'{chain[^1].BackupId}' is based on it, and it is not there", missing);
            }
        }

        chain.Reverse();
        return chain;
    }

    /// <summary>One stream of a chain: the backups that hold a part of it, oldest first. They begin where the stream was last read from its first message.</summary>
    internal static IReadOnlyList<(BackupManifest Manifest, QueueEntry Entry)> PartsOf(IReadOnlyList<BackupManifest> chain, string virtualHost, string name)
    {
        List<(BackupManifest, QueueEntry)> parts = [];
        for (int i = chain.Count - 1; i >= 0; i--)
        {
            if (chain[i].Queues.FirstOrDefault(queue => queue.VirtualHost == virtualHost && queue.Name == name) is not { Stream: { } stream } entry)
            {
                // It was left out of this backup, or not read; an older one may have more.
                continue;
            }

            parts.Add((chain[i], entry));
            if (stream.StartOffset is null)
            {
                break;
            }
        }

        parts.Reverse();
        return parts;
    }

    private static RabbitBackupException Broken(BackupManifest manifest, string id, string why, Exception? inner) =>
        new(ErrorCode.BackupIncomplete, $"The backup '{manifest.BackupId}' needs the backup '{id}': {why}.", inner)
        {
            Target = id,
            Hint = "Bring the missing backup back from a copy of the store, or restore a backup that stands by itself.",
        };
}
