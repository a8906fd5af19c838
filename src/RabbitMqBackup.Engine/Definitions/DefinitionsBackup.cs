using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>Definitions as a backup of their own, without queues, in a store.</summary>
public static class DefinitionsBackup
{
    /// <summary>Stores definitions. The backup is there when its manifest is, whole or not at all.</summary>
    /// <param name="store">Where.</param>
    /// <param name="backupId">Its id; null to have one made.</param>
    /// <param name="document">What.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Cancels; there is no backup then.</param>
    /// <exception cref="ArgumentException">The id can't be one.</exception>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.BackupExists"/>, or the store fails.</exception>
    public static async Task<BackupManifest> StoreAsync(BackupStore store, string? backupId, DefinitionsDocument document, TimeProvider time, CancellationToken cancellationToken = default)
    {
        string id = BackupId.Check(backupId ?? BackupId.New(time));
        DateTimeOffset createdAt = time.GetUtcNow();
        await using BackupCatalog catalog = new(store);
        if (await catalog.ExistsAsync(id, cancellationToken).ConfigureAwait(false))
        {
            throw new RabbitBackupException(ErrorCode.BackupExists, $"There is a backup '{id}' in '{store}' already; it was left as it is.") { Target = id };
        }

        DefinitionsEntry entry = await catalog.PutDefinitionsAsync(id, document.ToJson(), cancellationToken).ConfigureAwait(false);
        BackupManifest manifest = new()
        {
            BackupId = id,
            Status = BackupStatus.Complete,
            CreatedAt = createdAt,
            CompletedAt = time.GetUtcNow(),
            SourceCluster = document.ClusterName,
            RabbitMqVersion = document.RabbitMqVersion,
            BackupToolVersion = ToolVersion.Current,
            Definitions = entry,
        };
        return await catalog.CommitAsync(manifest, cancellationToken).ConfigureAwait(false);
    }
}
