namespace RabbitMqBackup.Engine.Checkpoints;

/// <summary>Whose checkpoint it is: the one row of the table <c>job</c>.</summary>
internal sealed record CheckpointJob
{
    /// <summary>What runs, e.g. <c>backup</c> or <c>restore</c>.</summary>
    internal required string Kind { get; init; }

    /// <summary>The backup's id.</summary>
    internal required string Id { get; init; }

    /// <summary>Drawn by the first run of a job: two checkpoints with different ones have nothing to do with each other.</summary>
    internal string Run { get; init; } = Guid.NewGuid().ToString("n");

    /// <summary>The store's URI without secrets.</summary>
    internal required string Store { get; init; }

    /// <summary>When the first run began.</summary>
    internal required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Where the chain of fingerprints begins: by chance, so that nobody can make messages that have the fingerprints of others.</summary>
    internal long Seed { get; init; } = Random.Shared.NextInt64();

    /// <summary>Changes so far: of two copies with the same <see cref="Run"/> the one with more is newer.</summary>
    internal long Revision { get; init; }

    /// <summary>The job of a checkpoint, or null where it is empty.</summary>
    /// <exception cref="RabbitBackupException">There is more than one, or it is damaged.</exception>
    internal static CheckpointJob? Read(CheckpointDatabase database)
    {
        List<CheckpointJob> jobs = database.Query("SELECT kind, id, run, store, created_at, seed, revision FROM job", row => new CheckpointJob
        {
            Kind = row.Text(0),
            Id = row.Text(1),
            Run = row.Text(2),
            Store = row.Text(3),
            CreatedAt = Time(database, row.Whole(4)),
            Seed = row.Whole(5),
            Revision = row.Whole(6),
        });
        return jobs.Count <= 1 ? jobs.FirstOrDefault() : throw CheckpointErrors.Damaged(database.File, "it belongs to several jobs");
    }

    /// <summary>Writes the job into a checkpoint that is empty.</summary>
    internal void Begin(CheckpointDatabase database) => database.Execute(
        "INSERT INTO job VALUES ($kind, $id, $run, $store, $created, $seed, $revision)",
        ("$kind", Kind), ("$id", Id), ("$run", Run), ("$store", Store), ("$created", CreatedAt.ToUnixTimeMilliseconds()), ("$seed", Seed), ("$revision", Revision));

    private static DateTimeOffset Time(CheckpointDatabase database, long milliseconds) =>
        milliseconds is >= -62_135_596_800_000 and <= 253_402_300_799_999
            ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
            : throw CheckpointErrors.Damaged(database.File, "a time in it is beyond the calendar");
}
