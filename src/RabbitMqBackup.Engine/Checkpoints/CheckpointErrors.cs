using Microsoft.Data.Sqlite;

namespace RabbitMqBackup.Engine.Checkpoints;

/// <summary>SQLite's errors in the engine's terms, by result code (https://sqlite.org/rescode.html).</summary>
internal static class CheckpointErrors
{
    private const string Elsewhere = "Give another folder with -CheckpointPath, one that you may write to.";

    internal static RabbitBackupException From(SqliteException exception, string file) => exception.SqliteErrorCode switch
    {
        11 or 26 => Damaged(file, "it is not a database, or its pages contradict each other", exception),
        5 or 6 => new RabbitBackupException(ErrorCode.CheckpointInUse, $"The checkpoint '{file}' is in use by another process: it works at the same backup or restore.", exception)
        {
            Target = file,
            Hint = "Wait until it has ended, or end it.",
        },
        3 or 8 or 14 or 23 => Unavailable(file, "it can't be opened for writing", Elsewhere, exception),
        10 or 13 => Unavailable(file, "it can't be written: the disk is full or failed", $"Make room. {Elsewhere}", exception),
        // A column of another type, a constraint: not what this module wrote.
        1 or 19 or 20 or 25 => Damaged(file, "its tables are not those of a checkpoint", exception),
        _ => Unavailable(file, $"SQLite says {exception.SqliteExtendedErrorCode}", Elsewhere, exception),
    };

    internal static RabbitBackupException Damaged(string file, string what, Exception? inner = null) =>
        new(ErrorCode.CheckpointDamaged, $"The checkpoint '{file}' is damaged: {what}.", inner)
        {
            Target = file,
            Hint = "Delete it: -Resume then takes the copy in the store, or what it names is done anew.",
        };

    internal static RabbitBackupException TooNew(string file, long version) =>
        new(ErrorCode.FormatTooNew, $"The checkpoint '{file}' has version {version}; this module knows up to {CheckpointSchema.Version}.")
        {
            Target = file,
            Hint = "Update the module.",
        };

    internal static RabbitBackupException Unavailable(string file, string what, string hint, Exception? inner) =>
        new(ErrorCode.CheckpointUnavailable, $"The checkpoint '{file}' can't be used: {what}.", inner) { Target = file, Hint = hint };
}
