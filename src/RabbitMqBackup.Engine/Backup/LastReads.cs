using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>What earlier backups in a store saw of queues whose messages pay for each read with a delivery.</summary>
internal sealed class LastReads
{
    /// <summary>Backups that are looked through, newest first: a queue that none of them has is looked at afresh.</summary>
    private const int MaxBackups = 20;

    private readonly Dictionary<QueueName, LastRead> _reads = [];

    /// <summary>What the newest backup that has this queue saw of it.</summary>
    internal LastRead? Find(QueueName queue) => _reads.GetValueOrDefault(queue);

    /// <summary>Null where no queue needs it: then nothing is read from the store.</summary>
    internal static async Task<LastReads?> FindAsync(BackupStore store, string cluster, IReadOnlyCollection<QueueInfo> queues, CancellationToken cancellationToken)
    {
        HashSet<QueueName> wanted =
        [
            .. queues.Where(queue => queue.Decision?.Plan is { ReleaseCounts: true }).Select(queue => new QueueName(queue.VirtualHost, queue.Name)),
        ];
        if (wanted.Count == 0)
        {
            return null;
        }

        LastReads found = new();
        await using BackupCatalog catalog = new(store);
        List<BackupManifest> manifests = [];
        await foreach (BackupManifest manifest in catalog.ListAsync(new BackupQuery(), _ => { }, cancellationToken).ConfigureAwait(false))
        {
            // A damaged one is passed over; the others tell as much.
            manifests.Add(manifest);
        }

        foreach (BackupManifest manifest in manifests.Where(manifest => manifest.SourceCluster == cluster).Reverse().Take(MaxBackups))
        {
            foreach (QueueEntry entry in manifest.Queues.Where(entry => entry.Messages > 0 || entry.HighestDeliveryCount is not null))
            {
                QueueName name = new(entry.VirtualHost, entry.Name);
                if (wanted.Remove(name))
                {
                    // A message that was never given back carries no count.
                    found._reads.Add(name, new LastRead(entry.HighestDeliveryCount ?? 0, entry.DepthAtStart));
                }
            }
        }

        return found;
    }
}
