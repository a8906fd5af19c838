using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace RabbitMqBackup.Engine.Checkpoints;

/// <summary>
/// One checkpoint file: SQLite with a write-ahead log, so that a kill at any moment leaves the last whole change. One process at a time has it open, and in the process one
/// thread at a time uses it; a call takes well under a millisecond. What is read is not trusted: a file with tables other than <see cref="CheckpointSchema"/>'s is refused.
/// </summary>
internal sealed class CheckpointDatabase : IDisposable
{
    private readonly object _gate = new();
    private readonly SqliteConnection _connection;
    private SqliteTransaction? _transaction;

    private CheckpointDatabase(SqliteConnection connection, string file)
    {
        _connection = connection;
        File = file;
    }

    /// <summary>Its full path.</summary>
    internal string File { get; }

    /// <summary>Called after each change, with the database's lock held: hand on, don't work.</summary>
    internal Action? Changed { get; set; }

    /// <summary>Opens a checkpoint, or makes an empty one, and brings it to the current version.</summary>
    /// <exception cref="RabbitBackupException">
    /// <see cref="ErrorCode.CheckpointDamaged"/>, <see cref="ErrorCode.CheckpointUnavailable"/> (in use, folder missing or read-only, disk full), <see cref="ErrorCode.FormatTooNew"/>,
    /// <see cref="ErrorCode.PlatformNotSupported"/>.
    /// </exception>
    internal static CheckpointDatabase Open(string file)
    {
        CheckpointFolder.Create(file);
        SqliteConnection? connection = null;
        try
        {
            // The time-out is for the lock: whoever holds it holds it until its end, so waiting is of no use.
            connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false, DefaultTimeout = 1 }.ToString());
            connection.Open();
            CheckpointDatabase database = new(connection, file);
            database.Prepare();
            return database;
        }
        catch (Exception exception)
        {
            connection?.Dispose();
            throw exception switch
            {
                SqliteException failure => CheckpointErrors.From(failure, file),
                TypeInitializationException or DllNotFoundException => new RabbitBackupException(ErrorCode.PlatformNotSupported, "SQLite has no native library for this platform.", exception)
                {
                    Hint = "Use the module on x64 or arm64 with Windows, Linux (glibc) or macOS.",
                },
                _ => exception,
            };
        }
    }

    /// <summary>Runs a statement. Outside of <see cref="InTransaction"/> it is a change of its own.</summary>
    internal void Execute(string sql, params (string Name, object? Value)[] values) => Use(() =>
    {
        if (_transaction is not null)
        {
            Run(sql, values);
            return 0;
        }

        Change(() => Run(sql, values));
        return 0;
    });

    /// <summary>Makes several statements one change: all or nothing, also when the process is killed.</summary>
    internal void InTransaction(Action work) => Use(() =>
    {
        Change(work);
        return 0;
    });

    /// <summary>Reads rows.</summary>
    internal List<T> Query<T>(string sql, Func<CheckpointRow, T> map, params (string Name, object? Value)[] values) => Use(() =>
    {
        using SqliteCommand command = Command(sql, values);
        using SqliteDataReader reader = command.ExecuteReader();
        List<T> rows = [];
        while (reader.Read())
        {
            rows.Add(map(new CheckpointRow(reader)));
        }

        return rows;
    });

    /// <summary>The database as it stands, as one file that SQLite opens.</summary>
    internal byte[] Snapshot() => Use(() =>
    {
        IntPtr memory = raw.sqlite3_serialize(_connection.Handle!, "main", out long length, 0);
        if (memory == IntPtr.Zero)
        {
            throw new SqliteException("no memory", raw.SQLITE_NOMEM);
        }

        try
        {
            byte[] copy = new byte[length];
            Marshal.Copy(memory, copy, 0, copy.Length);
            return copy;
        }
        finally
        {
            raw.sqlite3_free(memory);
        }
    });

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            _connection.Dispose();
        }
    }

    private T Use<T>(Func<T> work)
    {
        lock (_gate)
        {
            try
            {
                return work();
            }
            catch (SqliteException exception)
            {
                throw CheckpointErrors.From(exception, File);
            }
            catch (InvalidCastException exception)
            {
                throw CheckpointErrors.Damaged(File, "a value has another type than was written", exception);
            }
        }
    }

    private void Change(Action work)
    {
        using (_transaction = _connection.BeginTransaction())
        {
            try
            {
                work();
                Run("UPDATE job SET revision = revision + 1");
                _transaction.Commit();
            }
            finally
            {
                _transaction = null;
            }
        }

        Changed?.Invoke();
    }

    private void Prepare()
    {
        // Exclusive before the first access: then the log needs no shared memory, and a second process is refused.
        Run("PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = OFF");
        Run("BEGIN IMMEDIATE; COMMIT");
        long version = Scalar("PRAGMA user_version");
        long application = Scalar("PRAGMA application_id");
        bool isNew = version == 0 && application == 0 && Scalar("SELECT count(*) FROM sqlite_master") == 0;
        if (!isNew && application != CheckpointSchema.ApplicationId)
        {
            throw CheckpointErrors.Damaged(File, "it is a database of another program");
        }

        if (version > CheckpointSchema.Version)
        {
            throw CheckpointErrors.TooNew(File, version);
        }

        if (!isNew)
        {
            Check(version);
        }

        for (long next = version; next < CheckpointSchema.Version; next++)
        {
            using SqliteTransaction step = _connection.BeginTransaction();
            _transaction = step;
            Run(CheckpointSchema.Scripts[next]);
            Run($"PRAGMA application_id = {CheckpointSchema.ApplicationId}; PRAGMA user_version = {next + 1}");
            step.Commit();
            _transaction = null;
        }
    }

    /// <summary>The pages hold together, and the tables are those of its version: no trigger or view of a stranger runs here.</summary>
    private void Check(long version)
    {
        if (Texts("PRAGMA quick_check(1)") is not ["ok"])
        {
            throw CheckpointErrors.Damaged(File, "its pages contradict each other");
        }

        using SqliteConnection model = new("Data Source=:memory:");
        model.Open();
        foreach (string script in CheckpointSchema.Scripts.Take((int)version))
        {
            using SqliteCommand command = model.CreateCommand();
            command.CommandText = script;
            command.ExecuteNonQuery();
        }

        const string Schema = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master ORDER BY 1";
        if (!Texts(Schema).SequenceEqual(Texts(Schema, model)))
        {
            throw CheckpointErrors.Damaged(File, "its tables are not those of a checkpoint");
        }
    }

    private void Run(string sql, params (string Name, object? Value)[] values)
    {
        using SqliteCommand command = Command(sql, values);
        command.ExecuteNonQuery();
    }

    private long Scalar(string sql)
    {
        using SqliteCommand command = Command(sql, []);
        return (long)command.ExecuteScalar()!;
    }

    private List<string> Texts(string sql, SqliteConnection? other = null)
    {
        using SqliteCommand command = (other ?? _connection).CreateCommand();
        command.CommandText = sql;
        using SqliteDataReader reader = command.ExecuteReader();
        List<string> texts = [];
        while (reader.Read())
        {
            texts.Add(reader.GetString(0));
        }

        return texts;
    }

    private SqliteCommand Command(string sql, (string Name, object? Value)[] values)
    {
        SqliteCommand command = _connection.CreateCommand();
        command.CommandText = sql;
        command.Transaction = _transaction;
        foreach ((string name, object? value) in values)
        {
            command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        }

        return command;
    }
}
