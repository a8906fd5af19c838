using System.Globalization;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Checkpoints;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>
/// Remembers how far a restore came, so that one that is killed anywhere can go on. Of each queue it holds how far everything is through, and the publisher never gets further ahead of that than its
/// window. It is on this machine; what is restored once more with the same choice, names and target is the same restore.
/// </summary>
internal sealed class RestoreJournal : IDisposable
{
    private const string RestoreIdSetting = "restore_id";

    private readonly CheckpointDatabase _database;
    private readonly RestoreCheckpoint _checkpoint;

    private RestoreJournal(CheckpointDatabase database) => (_database, _checkpoint) = (database, new RestoreCheckpoint(database));

    /// <summary>Id of the record of what the restore creates, as its first run made it; null where it made none.</summary>
    internal string? RestoreId
    {
        get => CheckpointSettings.Read(_database).GetValueOrDefault(RestoreIdSetting);
        set => CheckpointSettings.Write(_database, RestoreIdSetting, value ?? "");
    }

    /// <summary>The file, or null where a restore can't go on later: single messages are not there a second time, a trial ends with its virtual host, and an account may have no folder for it.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.CheckpointUnavailable"/>: there is no folder for it.</exception>
    internal static string? FileOf(RestoreOptions options, string cluster)
    {
        bool hasPlace = options.CheckpointPath is not null || options.Resume || CheckpointFolder.Default.Length > 0;
        if (options.Scratch is not null || options.Messages.Count > 0 || !hasPlace)
        {
            return null;
        }

        string id = options.Manifest?.BackupId ?? options.Segments[0].BackupId;
        return CheckpointFolder.FileOf(options.CheckpointPath, RestoreCheckpoint.Kind, id, Identity(options, cluster));
    }

    /// <summary>How far an earlier run of the same restore came; null where none was cut.</summary>
    /// <exception cref="RabbitBackupException">The file is damaged, of a newer version, or in use.</exception>
    internal static IReadOnlyDictionary<RestoredQueueKey, RestoreMark>? Read(string file, RestoreOptions options)
    {
        if (!File.Exists(file))
        {
            return null;
        }

        try
        {
            using CheckpointDatabase database = CheckpointDatabase.Open(file);
            return Read(new RestoreCheckpoint(database));
        }
        catch (RabbitBackupException) when (!options.Resume)
        {
            // It only tells that there is something to resume.
            return null;
        }
    }

    private static Dictionary<RestoredQueueKey, RestoreMark> Read(RestoreCheckpoint checkpoint) => checkpoint.Queues().ToDictionary(
            row => row.Key, row => new RestoreMark(row.Value.Through, row.Value.Passed, row.Value.Expired, row.Value.Beyond, checkpoint.Refused(row.Key)));

    /// <summary>Opens the journal for a run; what an earlier run left is deleted unless it is resumed.</summary>
    internal static RestoreJournal Open(string file, RestoreOptions options, DateTimeOffset now)
    {
        if (!options.Resume && File.Exists(file))
        {
            DeleteUnlessInUse(file);
        }

        CheckpointDatabase database = CheckpointDatabase.Open(file);
        if (CheckpointJob.Read(database) is null)
        {
            new CheckpointJob { Kind = RestoreCheckpoint.Kind, Id = options.Manifest?.BackupId ?? options.Segments[0].BackupId, Store = options.Broker.DisplayUri, CreatedAt = now }.Begin(database);
        }

        return new RestoreJournal(database);
    }

    /// <summary>Records how far a queue is.</summary>
    internal void Record(SourceQueue source, RestoreMark mark) =>
        _checkpoint.Record(Key(source), new RestoredQueue(mark.Through, mark.Passed, mark.Expired, mark.Beyond), mark.Refused);

    /// <summary>Forgets what was recorded of a queue: it begins anew.</summary>
    internal void Forget(SourceQueue source) => _checkpoint.Forget(Key(source));

    /// <summary>The restore has come to its end: there is nothing to go on with.</summary>
    internal void Delete()
    {
        _database.Dispose();
        CheckpointFolder.Delete(_database.File);
    }

    /// <inheritdoc/>
    public void Dispose() => _database.Dispose();

    /// <summary>Opening it first shows whether another process works with it. What is damaged or too new is of no use to this run.</summary>
    private static void DeleteUnlessInUse(string file)
    {
        try
        {
            CheckpointDatabase.Open(file).Dispose();
        }
        catch (RabbitBackupException exception) when (exception.Code is ErrorCode.CheckpointDamaged or ErrorCode.FormatTooNew)
        {
            // It goes.
        }

        CheckpointFolder.Delete(file);
    }

    /// <summary>The key of a source.</summary>
    internal static RestoredQueueKey Key(SourceQueue source) => new(source.BackupId, source.Entry.VirtualHost, source.Entry.Name);

    /// <summary>What makes two restores the same: where to, what of it (numbers of records depend on that), and under which names.</summary>
    private static string Identity(RestoreOptions options, string cluster) => string.Join('\n', new object?[]
    {
        cluster,
        (options.Manifest?.Store ?? options.Segments.FirstOrDefault()?.Store)?.DisplayUri,
        string.Join('|', options.Segments.Select(segment => $"{segment.BackupId}/{segment.Key}")),
        string.Join('|', options.Queues),
        string.Join('|', options.VirtualHosts),
        options.After?.ToString("o", CultureInfo.InvariantCulture),
        options.Before?.ToString("o", CultureInfo.InvariantCulture),
        options.TimeBasis,
        options.First,
        options.Last,
        options.FromOffset,
        options.ToOffset,
        options.Expiration,
        options.QueueMap,
        options.VirtualHostMap,
        options.ExchangeMap,
        options.PublishMode,
    });
}
