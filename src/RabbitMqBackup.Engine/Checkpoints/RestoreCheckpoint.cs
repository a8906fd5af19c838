namespace RabbitMqBackup.Engine.Checkpoints;

/// <summary>How far a restore came, queue by queue.</summary>
internal sealed class RestoreCheckpoint(CheckpointDatabase database)
{
    /// <summary>The job's kind.</summary>
    internal const string Kind = "restore";

    /// <summary>Records how far a queue is through, and which messages the target did not take since the last record.</summary>
    /// <param name="queue">The source queue.</param>
    /// <param name="row">How far it is.</param>
    /// <param name="refused">Ordinals that are new.</param>
    internal void Record(RestoredQueueKey queue, RestoredQueue row, IReadOnlyList<long> refused) => database.InTransaction(() =>
    {
        database.Execute(
            """
            INSERT INTO restored VALUES ($backup, $vhost, $name, $through, $passed, $expired, $beyond)
            ON CONFLICT (backup, vhost, name) DO UPDATE SET through = excluded.through, passed = excluded.passed, expired = excluded.expired, beyond = excluded.beyond
            """,
            ("$backup", queue.BackupId), ("$vhost", queue.VirtualHost), ("$name", queue.Name),
            ("$through", row.Through), ("$passed", row.Passed), ("$expired", row.Expired), ("$beyond", row.Beyond));
        foreach (long ordinal in refused)
        {
            database.Execute(
                "INSERT INTO refused VALUES ($backup, $vhost, $name, $ordinal) ON CONFLICT DO NOTHING",
                ("$backup", queue.BackupId), ("$vhost", queue.VirtualHost), ("$name", queue.Name), ("$ordinal", ordinal));
        }
    });

    /// <summary>Forgets what was recorded of a queue: it begins anew.</summary>
    internal void Forget(RestoredQueueKey queue) => database.InTransaction(() =>
    {
        foreach (string table in (string[])["restored", "refused"])
        {
            database.Execute($"DELETE FROM {table} WHERE backup = $backup AND vhost = $vhost AND name = $name", ("$backup", queue.BackupId), ("$vhost", queue.VirtualHost), ("$name", queue.Name));
        }
    });

    /// <summary>All queues that were begun.</summary>
    internal Dictionary<RestoredQueueKey, RestoredQueue> Queues() => database
        .Query("SELECT backup, vhost, name, through, passed, expired, beyond FROM restored", row =>
            (Key: new RestoredQueueKey(row.Text(0), row.Text(1), row.Text(2)), Row: new RestoredQueue(row.Whole(3), row.Whole(4), row.Whole(5), row.Whole(6))))
        .ToDictionary(row => row.Key, row => row.Row);

    /// <summary>Ordinals of a queue's messages that the target did not take.</summary>
    internal List<long> Refused(RestoredQueueKey queue) => database.Query(
        "SELECT ordinal FROM refused WHERE backup = $backup AND vhost = $vhost AND name = $name ORDER BY ordinal",
        row => row.Whole(0),
        ("$backup", queue.BackupId), ("$vhost", queue.VirtualHost), ("$name", queue.Name));
}
