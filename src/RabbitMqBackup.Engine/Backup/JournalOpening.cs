using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Checkpoints;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>Finds the checkpoint of a backup, on this machine or in the store, and opens the journal on it.</summary>
internal sealed class JournalOpening(BackupCatalog catalog, BackupOptions options, string backupId, IEngineLog log, TimeProvider time)
{
    private static readonly string[] Parts = ["queues/", "definitions/"];

    private readonly ObjectPath _copy = ObjectPath.Parse($"{backupId}/{BackupCheckpoint.StoreKey}");

    /// <summary>Looks at what an earlier run left, without a change to the store; null where there is no checkpoint, or none that says anything.</summary>
    internal async Task<ResumeState?> PeekAsync(CancellationToken cancellationToken)
    {
        using CheckpointDatabase? database = await FindAsync(FileOf(), cancellationToken).ConfigureAwait(false);
        return database is null || ResumeState.Read(database) is not { } state
            ? null
            : state with { Known = [.. new BackupCheckpoint(database).Queues().Select(row => ManifestRows.ReadQueue(row.Entry, database.File)).SelectMany(queue => new[] { queue.Name, queue.ToString() })] };
    }

    /// <summary>The objects of the backup in the store, by their key below its folder, with their length.</summary>
    internal async Task<Dictionary<string, long>> ObjectsAsync(CancellationToken cancellationToken)
    {
        Dictionary<string, long> objects = new(StringComparer.Ordinal);
        string folder = $"{backupId}/";
        await foreach (ListEntry row in catalog.Objects.ListAsync(folder, new ListOptions(), cancellationToken).ConfigureAwait(false))
        {
            objects[row.Key[folder.Length..]] = row.Object!.Length;
        }

        return objects;
    }

    /// <summary>True where a run has left something that only a resumed run may add to.</summary>
    internal static bool IsBegun(Dictionary<string, long> objects) =>
        objects.Keys.Any(key => key == BackupCheckpoint.StoreKey || Parts.Any(part => key.StartsWith(part, StringComparison.Ordinal)));

    /// <summary>Opens the journal of a run.</summary>
    /// <param name="plan">The plan; with <see cref="BackupOptions.Resume"/> it goes on where the earlier run ended.</param>
    /// <param name="onTrouble">Gets what is wrong with the checkpoint and does not end the run.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="RabbitBackupException">The checkpoint is damaged, newer, in use, or its folder can't be used.</exception>
    internal async Task<BackupJournal> OpenAsync(BackupPlan plan, Action<RabbitBackupException> onTrouble, CancellationToken cancellationToken)
    {
        Dictionary<string, long> objects = await ObjectsAsync(cancellationToken).ConfigureAwait(false);
        string file = FileOf();
        CheckpointDatabase? database = options.Resume ? await FindAsync(file, cancellationToken).ConfigureAwait(false) : null;
        bool found = database is not null;
        database ??= OpenNew(file, onTrouble);
        try
        {
            CheckpointJob job = CheckpointJob.Read(database) ?? BeginJob(database, plan);
            // A store with locks gets nothing that is written again and again: the state stays on this machine.
            bool isCopied = options.CheckpointInterval > TimeSpan.Zero && !catalog.Objects.Capabilities.HasFlag(StoreCapabilities.Retains);
            CheckpointSync? sync = isCopied ? new CheckpointSync(database, catalog.Objects, _copy, options.CheckpointInterval, time, onTrouble) : null;
            BackupJournal journal = new(database, job, sync, objects, onTrouble);
            if (found)
            {
                journal.Load();
            }

            return journal;
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    private CheckpointJob BeginJob(CheckpointDatabase database, BackupPlan plan)
    {
        CheckpointJob job = new() { Kind = BackupCheckpoint.Kind, Id = backupId, Store = options.Store.DisplayUri, CreatedAt = time.GetUtcNow() };
        job.Begin(database);
        ResumeState.Of(plan).Write(database);
        return job;
    }

    /// <summary>An old file of this name belongs to a backup that was removed since, or the plan would have refused.</summary>
    private CheckpointDatabase OpenNew(string file, Action<RabbitBackupException> onTrouble)
    {
        try
        {
            CheckpointDatabase.Open(file).Dispose();
            CheckpointFolder.Delete(file);
            return CheckpointDatabase.Open(file);
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.CheckpointUnavailable && options.CheckpointPath is null)
        {
            // An account without a home of its own: the copy in the store is enough to resume.
            onTrouble(exception);
            return CheckpointDatabase.Open(Path.Join(Directory.CreateTempSubdirectory("rabbitmqbackup-").FullName, Path.GetFileName(file)));
        }
    }

    private string FileOf() => CheckpointFolder.FileOf(options.CheckpointPath, BackupCheckpoint.Kind, backupId, options.Store.DisplayUri);

    /// <summary>
    /// The newer of the checkpoint here and its copy in the store. Where they are of different runs the store's counts: the segments are there, too.
    /// </summary>
    private async Task<CheckpointDatabase?> FindAsync(string file, CancellationToken cancellationToken)
    {
        string fetched = file + ".store";
        CheckpointDatabase? here = File.Exists(file) ? CheckpointDatabase.Open(file) : null;
        try
        {
            CheckpointJob? mine = here is null ? null : JobOf(here);
            if (!await FetchAsync(fetched, isNeeded: mine is null, cancellationToken).ConfigureAwait(false) || !IsNewer(fetched, mine))
            {
                CheckpointDatabase? result = mine is null ? null : here;
                here = mine is null ? here : null;
                return result;
            }

            here?.Dispose();
            here = null;
            CheckpointFolder.Delete(file);
            File.Move(fetched, file);
            return CheckpointDatabase.Open(file);
        }
        finally
        {
            here?.Dispose();
            CheckpointFolder.Delete(fetched);
        }
    }

    private async Task<bool> FetchAsync(string fetched, bool isNeeded, CancellationToken cancellationToken)
    {
        try
        {
            return await CheckpointCopy.GetAsync(catalog.Objects, _copy, fetched, cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.CheckpointDamaged && !isNeeded)
        {
            log.CheckpointTrouble(exception.Message);
            return false;
        }
    }

    private bool IsNewer(string fetched, CheckpointJob? mine)
    {
        using CheckpointDatabase copy = CheckpointDatabase.Open(fetched);
        return JobOf(copy) is { } theirs && (mine is null || theirs.Run != mine.Run || theirs.Revision > mine.Revision);
    }

    private CheckpointJob? JobOf(CheckpointDatabase database) =>
        CheckpointJob.Read(database) switch
        {
            null => null,
            { Kind: BackupCheckpoint.Kind } job when job.Id == backupId => job,
            { } other => throw CheckpointErrors.Damaged(database.File, $"it belongs to the {other.Kind} '{other.Id}'"),
        };
}
