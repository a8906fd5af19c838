using System.Text.Json;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>
/// Pins: backups that no retention and no removal touches until they are unpinned. A pin is an object of its own, <c>_pins/{backup id}.json</c>, since a manifest is never written again.
/// </summary>
/// <param name="store">The open store; not owned.</param>
/// <param name="time">The clock.</param>
internal sealed class BackupPins(IObjectStore store, TimeProvider time)
{
    private const string Folder = "_pins/";
    private const string Extension = ".json";

    /// <summary>Pins a backup; one that is pinned stays as it is.</summary>
    internal async Task PinAsync(string backupId, CancellationToken cancellationToken)
    {
        byte[] content = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>
        {
            ["pinned_at"] = time.GetUtcNow().ToUnixTimeMilliseconds(),
            ["owner"] = Environment.UserName,
            ["host"] = Environment.MachineName,
        });
        try
        {
            await store.PutAsync(PathOf(backupId), new MemoryStream(content), new PutOptions { CreateOnly = true }, cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.StorageConflict)
        {
            // It is pinned already, which is what was asked for.
        }
    }

    /// <summary>Unpins a backup; one that is not pinned stays as it is.</summary>
    internal Task UnpinAsync(string backupId, CancellationToken cancellationToken) => store.DeleteAsync(PathOf(backupId), null, cancellationToken);

    /// <summary>True where the backup is pinned.</summary>
    internal async Task<bool> IsPinnedAsync(string backupId, CancellationToken cancellationToken) => await store.HeadAsync(PathOf(backupId), cancellationToken).ConfigureAwait(false) is not null;

    /// <summary>The ids of all pinned backups, by one listing.</summary>
    internal async Task<HashSet<string>> ListAsync(CancellationToken cancellationToken)
    {
        HashSet<string> ids = new(StringComparer.Ordinal);
        await foreach (ListEntry row in store.ListAsync(Folder, new ListOptions(), cancellationToken).ConfigureAwait(false))
        {
            if (row.Key.EndsWith(Extension, StringComparison.Ordinal))
            {
                ids.Add(row.Key[Folder.Length..^Extension.Length]);
            }
        }

        return ids;
    }

    private static ObjectPath PathOf(string backupId) => ObjectPath.Parse($"{Folder}{BackupId.Check(backupId)}{Extension}");
}
