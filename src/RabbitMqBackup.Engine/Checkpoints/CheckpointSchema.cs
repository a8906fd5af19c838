namespace RabbitMqBackup.Engine.Checkpoints;

/// <summary>
/// The tables of a checkpoint, version by version. Each script brings a database from the version before to its own; what was released is never edited, only
/// followed by a new script. All tables are STRICT: a value of another type is damage that SQLite itself finds.
/// SQLite's <c>user_version</c> holds the version, <c>application_id</c> says that the file is one of ours.
/// </summary>
internal static class CheckpointSchema
{
    /// <summary>"RBCK".</summary>
    internal const int ApplicationId = 0x5242434B;

    /// <summary>The version that this module writes.</summary>
    internal static int Version => Scripts.Length;

    /// <summary>Script <c>i</c> leads to version <c>i + 1</c>.</summary>
    internal static readonly string[] Scripts =
    [
        // job: one row. revision counts the changes, so that of two copies the newer is known; run is drawn anew by each run that did not resume.
        // queue and segment: entry is the row of the manifest in JSON; fingerprint chains all records of the queue up to the segment's end.
        // policy: policies that a run set on the broker and has to answer for.
        """
        CREATE TABLE job (kind TEXT NOT NULL, id TEXT NOT NULL, run TEXT NOT NULL, store TEXT NOT NULL, created_at INTEGER NOT NULL, seed INTEGER NOT NULL, revision INTEGER NOT NULL) STRICT;
        CREATE TABLE setting (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE definitions (entry BLOB NOT NULL) STRICT;
        CREATE TABLE queue (vhost TEXT NOT NULL, name TEXT NOT NULL, done INTEGER NOT NULL, entry BLOB NOT NULL, PRIMARY KEY (vhost, name)) STRICT, WITHOUT ROWID;
        CREATE TABLE segment (vhost TEXT NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL, records INTEGER NOT NULL, fingerprint INTEGER NOT NULL, entry BLOB NOT NULL,
            PRIMARY KEY (vhost, name, number)) STRICT, WITHOUT ROWID;
        CREATE TABLE policy (vhost TEXT NOT NULL, name TEXT NOT NULL, definition TEXT NOT NULL, PRIMARY KEY (vhost, name)) STRICT, WITHOUT ROWID;
        """,
    ];
}
