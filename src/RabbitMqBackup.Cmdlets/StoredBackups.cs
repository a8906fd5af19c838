using System.Runtime.CompilerServices;
using RabbitMqBackup.Engine;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Definitions;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Cmdlets;

/// <summary>What cmdlets ask of a store's catalog; opens and closes it.</summary>
internal static class StoredBackups
{
    /// <summary>Lists backups, newest last.</summary>
    /// <param name="store">Where.</param>
    /// <param name="query">Which.</param>
    /// <param name="onProblem">Gets each manifest that can't be read, each id without wildcards that is not there, and that the folder is not there.</param>
    /// <param name="cancellationToken">Ends the listing.</param>
    internal static async IAsyncEnumerable<BackupManifest> ListAsync(
        BackupStore store, BackupQuery query, Action<RabbitBackupException> onProblem, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (store.Folder is { } folder && !Directory.Exists(folder))
        {
            // A mistyped path must not look like a store without backups.
            onProblem(new RabbitBackupException(ErrorCode.ObjectNotFound, $"There is no folder '{folder}': no backup was ever made there.")
            {
                Target = folder,
                Hint = "Check the path; the first Backup-RabbitMq makes the folder.",
            });
            yield break;
        }

        await using BackupCatalog catalog = new(store);
        HashSet<string> found = new(StringComparer.OrdinalIgnoreCase);
        await foreach (BackupManifest manifest in catalog.ListAsync(query, onProblem, cancellationToken).ConfigureAwait(false))
        {
            found.Add(manifest.BackupId);
            yield return manifest;
        }

        foreach (string id in query.BackupIds.Where(id => !id.Contains('*') && !id.Contains('?') && !found.Contains(id)))
        {
            if (await WhyMissingAsync(catalog, id, cancellationToken).ConfigureAwait(false) is { } problem)
            {
                onProblem(problem);
            }
        }
    }

    /// <summary>The definitions of a backup.</summary>
    /// <exception cref="RabbitBackupException">It has none, or they are damaged.</exception>
    internal static async Task<DefinitionsDocument> ReadDefinitionsAsync(BackupManifest manifest, CancellationToken cancellationToken)
    {
        BackupStore store = manifest.Store
            ?? throw new ArgumentException($"The manifest of '{manifest.BackupId}' does not know its store: take it from Get-RabbitBackup.", nameof(manifest));
        await using BackupCatalog catalog = new(store);
        byte[] json = await catalog.GetDefinitionsAsync(manifest, cancellationToken).ConfigureAwait(false)
            ?? throw new RabbitBackupException(ErrorCode.ObjectNotFound, $"The backup '{manifest.BackupId}' was made without definitions.")
            {
                Target = manifest.BackupId,
                Hint = "Take them from another backup, or from a cluster with Export-RabbitDefinitions.",
            };
        return DefinitionsDocument.Parse(json, $"definitions of {manifest.BackupId}");
    }

    /// <summary>Null where the backup is there but is not among those that were asked for, by its time.</summary>
    private static async Task<RabbitBackupException?> WhyMissingAsync(BackupCatalog catalog, string id, CancellationToken cancellationToken)
    {
        try
        {
            await catalog.GetAsync(id, cancellationToken).ConfigureAwait(false);
            return null;
        }
        catch (RabbitBackupException problem) when (problem.Code is ErrorCode.BackupNotFound or ErrorCode.BackupIncomplete)
        {
            return problem;
        }
    }
}
