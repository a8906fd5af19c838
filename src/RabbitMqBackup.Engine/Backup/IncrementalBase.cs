using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>The backup that an incremental one goes on from.</summary>
/// <param name="Manifest">The backup.</param>
/// <param name="Streams">Where it and the backups before it ended in each stream.</param>
internal sealed record IncrementalBase(BackupManifest Manifest, IReadOnlyDictionary<QueueName, StreamEntry> Streams)
{
    /// <summary>Finds it. Null where none is asked for, or where none is named and none fits: then the backup stands by itself, as the first one of a schedule has to.</summary>
    /// <exception cref="RabbitBackupException">The one that is named is not there, is not whole, or is of another cluster.</exception>
    internal static async Task<IncrementalBase?> FindAsync(BackupOptions options, string clusterName, CancellationToken cancellationToken)
    {
        if (!options.Incremental && options.BasedOn is null)
        {
            return null;
        }

        await using BackupCatalog catalog = new(options.Store);
        return options.BasedOn is { } id
            ? await WithStreamsAsync(catalog, await GetAsync(catalog, id, clusterName, cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false)
            : await NewestAsync(catalog, clusterName, cancellationToken).ConfigureAwait(false);
    }

    private static async Task<BackupManifest> GetAsync(BackupCatalog catalog, string id, string clusterName, CancellationToken cancellationToken)
    {
        BackupManifest manifest = await catalog.GetAsync(id, cancellationToken).ConfigureAwait(false);
        return manifest.SourceCluster == clusterName
            ? manifest
            : throw new RabbitBackupException(ErrorCode.BackupNotFound, $"The backup '{id}' is of the cluster '{manifest.SourceCluster}', and this one is '{clusterName}': its offsets mean nothing here.")
            {
                Target = id,
                Hint = "Name a backup of this cluster, or leave -BasedOn out.",
            };
    }

    /// <summary>The newest that can be restored: one whose chain has lost a backup is none to go on from, or all after it would be lost, too.</summary>
    private static async Task<IncrementalBase?> NewestAsync(BackupCatalog catalog, string clusterName, CancellationToken cancellationToken)
    {
        Stack<string> fitting = new();
        await foreach (BackupManifest manifest in catalog.ListAsync(new BackupQuery(), _ => { }, cancellationToken).ConfigureAwait(false))
        {
            if (manifest.SourceCluster == clusterName && manifest.Queues.Any(queue => queue.Stream is not null))
            {
                fitting.Push(manifest.BackupId);
            }
        }

        while (fitting.TryPop(out string? newest))
        {
            try
            {
                return await WithStreamsAsync(catalog, await catalog.GetAsync(newest, cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
            }
            catch (RabbitBackupException broken) when (broken.Code is ErrorCode.BackupIncomplete)
            {
                // Test-RabbitBackup tells of it.
            }
        }

        return null;
    }

    /// <summary>A stream that was left out of the last backup is looked for in those before: it goes on from there.</summary>
    private static async Task<IncrementalBase> WithStreamsAsync(BackupCatalog catalog, BackupManifest manifest, CancellationToken cancellationToken)
    {
        Dictionary<QueueName, StreamEntry> streams = [];
        IReadOnlyList<BackupManifest> chain = await BackupChain.ResolveAsync(catalog, manifest, cancellationToken).ConfigureAwait(false);
        foreach (QueueEntry queue in chain.Reverse().SelectMany(backup => backup.Queues))
        {
            if (queue.Stream is { } stream)
            {
                streams.TryAdd(new QueueName(queue.VirtualHost, queue.Name), stream);
            }
        }

        return new IncrementalBase(manifest, streams);
    }
}
