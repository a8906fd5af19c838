using System.Diagnostics;
using System.Runtime.Versioning;
using Microsoft.Data.Sqlite;
using RabbitMqBackup.Engine.Checkpoints;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Checkpoints;

public sealed class CheckpointDatabaseTests : IDisposable
{
    private readonly CheckpointFile _at = new();

    public void Dispose() => _at.Dispose();

    [Fact]
    public void A_job_and_what_it_did_are_there_after_it_was_opened_again()
    {
        CheckpointJob begun;
        using (CheckpointDatabase database = _at.Begin())
        {
            begun = CheckpointJob.Read(database)!;
            BackupCheckpoint backup = new(database);
            backup.AddSegment("/", "q", new SegmentCheckpoint(1, 10, 77, [1]));
            backup.AddSegment("/", "q", new SegmentCheckpoint(3, 5, -78, [2]));
            backup.AddSegment("/", "p", new SegmentCheckpoint(1, 1, 1, [9]));
            backup.BeginQueue("/", "p", [6]);
            backup.BeginQueue("/", "q", [5]);
            backup.FinishQueue("/", "p", [8]);
            backup.SetDefinitions([7]);
            backup.AddPolicy("/", "raise", "{}");
            CheckpointSettings.Write(database, "Compression", "Zstd");
        }

        using CheckpointDatabase again = CheckpointDatabase.Open(_at.File);
        BackupCheckpoint read = new(again);
        CheckpointJob job = CheckpointJob.Read(again)!;
        Assert.Equal(begun with { Revision = job.Revision }, job);
        Assert.True(job.Revision > begun.Revision);
        Assert.Equal([(1L, 10L, 77L), (3L, 5L, -78L)], read.Segments("/", "q").Select(segment => (segment.Number, segment.Records, segment.Fingerprint)));
        Assert.Empty(read.Segments("/", "p"));
        Assert.Equal([(8, true), (5, false)], read.Queues().Select(queue => ((int)queue.Entry[0], queue.IsDone)));
        Assert.Equal([7], read.Definitions());
        Assert.Equal([("/", "raise", "{}")], read.Policies());
        Assert.Equal("Zstd", CheckpointSettings.Read(again)["Compression"]);

        read.DropSegments("/", "q", 3);
        read.RemovePolicy("/", "raise");
        Assert.Single(read.Segments("/", "q"));
        Assert.Empty(read.Policies());
    }

    [Fact]
    public void A_transaction_that_fails_changes_nothing()
    {
        using CheckpointDatabase database = _at.Begin();
        long before = CheckpointJob.Read(database)!.Revision;
        Assert.Throws<InvalidDataException>(() => database.InTransaction(() =>
        {
            CheckpointSettings.Write(database, "a", "b");
            throw new InvalidDataException();
        }));
        Assert.Empty(CheckpointSettings.Read(database));
        Assert.Equal(before, CheckpointJob.Read(database)!.Revision);
    }

    [Fact]
    public void It_belongs_to_one_at_a_time()
    {
        using (_at.Begin())
        {
            RabbitBackupException failure = Assert.Throws<RabbitBackupException>(() => CheckpointDatabase.Open(_at.File));
            Assert.Equal(ErrorCode.CheckpointInUse, failure.Code);
            Assert.Contains("in use", failure.Message, StringComparison.Ordinal);
            Assert.Equal(_at.File, failure.Target);
        }

        CheckpointDatabase.Open(_at.File).Dispose();
    }

    [Fact]
    public void Another_process_is_refused_too()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/python3"), "no python3 for a second process");
        using CheckpointDatabase database = _at.Begin();
        using Process other = Process.Start(new ProcessStartInfo(
            "/usr/bin/python3", ["-c", $"import sqlite3; c = sqlite3.connect('{_at.File}', timeout=0.1); c.execute('UPDATE job SET id = 1'); c.commit()"])
        { RedirectStandardError = true })!;
        string told = other.StandardError.ReadToEnd();
        other.WaitForExit();
        Assert.Contains("locked", told, StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_changed_survives_a_process_that_never_closes_it()
    {
        string copy = Path.Combine(_at.Folder, "copy.db");
        using (CheckpointDatabase database = _at.Begin())
        {
            CheckpointSettings.Write(database, "a", "b");
            // What a kill leaves: the file and its log as they are at this moment.
            File.Copy(_at.File, copy);
            File.Copy(_at.File + "-wal", copy + "-wal");
        }

        using CheckpointDatabase again = CheckpointDatabase.Open(copy);
        Assert.Equal("b", CheckpointSettings.Read(again)["a"]);
    }

    [Fact]
    public void A_log_that_was_cut_anywhere_leaves_the_changes_before()
    {
        string copy = Path.Combine(_at.Folder, "copy.db");
        byte[] main;
        byte[] log;
        using (CheckpointDatabase database = _at.Begin())
        {
            for (int i = 0; i < 5; i++)
            {
                CheckpointSettings.Write(database, $"n{i}", "b");
            }

            main = File.ReadAllBytes(_at.File);
            log = File.ReadAllBytes(_at.File + "-wal");
        }

        int most = -1;
        for (int length = 0; length <= log.Length; length += 1021)
        {
            File.WriteAllBytes(copy, main);
            File.WriteAllBytes(copy + "-wal", log[..length]);
            using CheckpointDatabase again = CheckpointDatabase.Open(copy);
            int settings = CheckpointSettings.Read(again).Count;
            Assert.True(settings >= most, $"{settings} after {most}, cut at {length}");
            most = settings;
        }

        Assert.InRange(most, 4, 5);
    }

    [Fact]
    public void An_empty_checkpoint_of_an_earlier_kill_is_taken_up()
    {
        Directory.CreateDirectory(_at.Folder);
        File.WriteAllBytes(_at.File, []);
        using CheckpointDatabase database = CheckpointDatabase.Open(_at.File);
        Assert.Null(CheckpointJob.Read(database));
    }

    [Fact]
    public void Every_version_is_brought_to_the_current_one()
    {
        for (int version = 1; version <= CheckpointSchema.Version; version++)
        {
            string file = Path.Combine(_at.Folder, $"v{version}.db");
            Directory.CreateDirectory(_at.Folder);
            Raw(file, string.Concat(CheckpointSchema.Scripts.Take(version))
                + $"; PRAGMA application_id = {CheckpointSchema.ApplicationId}; PRAGMA user_version = {version}; INSERT INTO job VALUES ('backup', 'a', 'r', 's', 0, 1, 2)");
            using CheckpointDatabase database = CheckpointDatabase.Open(file);
            Assert.Equal("a", CheckpointJob.Read(database)!.Id);
        }
    }

    [Theory]
    [InlineData("PRAGMA user_version = 999", ErrorCode.FormatTooNew)]
    [InlineData("PRAGMA application_id = 7", ErrorCode.CheckpointDamaged)]
    [InlineData("CREATE TRIGGER t AFTER INSERT ON setting BEGIN DELETE FROM job; END", ErrorCode.CheckpointDamaged)]
    [InlineData("CREATE VIEW v AS SELECT 1", ErrorCode.CheckpointDamaged)]
    [InlineData("DROP TABLE queue", ErrorCode.CheckpointDamaged)]
    [InlineData("ALTER TABLE setting ADD COLUMN more TEXT", ErrorCode.CheckpointDamaged)]
    public void A_database_that_is_not_ours_or_newer_is_refused(string change, ErrorCode code)
    {
        _at.Begin().Dispose();
        Raw(_at.File, change);
        for (int i = 0; i < 2; i++)
        {
            RabbitBackupException failure = Assert.Throws<RabbitBackupException>(() => CheckpointDatabase.Open(_at.File));
            Assert.Equal(code, failure.Code);
            Assert.Equal(_at.File, failure.Target);
            Assert.NotNull(failure.Hint);
        }
    }

    [Fact]
    public void A_file_that_is_no_database_is_refused_and_left()
    {
        Directory.CreateDirectory(_at.Folder);
        byte[] text = "This is a text, and rather a long one for a database to begin with; SQLite wants at least a hundred bytes of header."u8.ToArray();
        File.WriteAllBytes(_at.File, text);
        Assert.Equal(ErrorCode.CheckpointDamaged, Assert.Throws<RabbitBackupException>(() => CheckpointDatabase.Open(_at.File)).Code);
        Assert.Equal(text, File.ReadAllBytes(_at.File));
    }

    [Theory]
    [InlineData("UPDATE job SET created_at = 9223372036854775807")]
    [InlineData("INSERT INTO job VALUES ('backup', 'b', 'r', 's', 0, 1, 2)")]
    public void Values_that_cannot_be_are_damage_not_a_crash(string change)
    {
        _at.Begin().Dispose();
        Raw(_at.File, change);
        using CheckpointDatabase database = CheckpointDatabase.Open(_at.File);
        Assert.Equal(ErrorCode.CheckpointDamaged, Assert.Throws<RabbitBackupException>(() => CheckpointJob.Read(database)).Code);
    }

    [Fact]
    public void A_cut_or_altered_file_opens_or_is_refused_but_nothing_else()
    {
        using (CheckpointDatabase database = _at.Begin())
        {
            BackupCheckpoint backup = new(database);
            for (int i = 1; i < 40; i++)
            {
                backup.AddSegment("/", "q", new SegmentCheckpoint(i, 10, i, new byte[200]));
            }
        }

        byte[] whole = File.ReadAllBytes(_at.File);
        string copy = Path.Combine(_at.Folder, "copy.db");
        int refused = 0;
        for (int position = 0; position < whole.Length; position += 389)
        {
            refused += Opens([.. whole[..position], (byte)(whole[position] ^ 0x40), .. whole[(position + 1)..]]) + Opens(whole[..position]);
        }

        Assert.True(refused > whole.Length / 389, $"only {refused} were refused");

        int Opens(byte[] content)
        {
            CheckpointFolder.Delete(copy);
            File.WriteAllBytes(copy, content);
            try
            {
                using CheckpointDatabase database = CheckpointDatabase.Open(copy);
                CheckpointJob.Read(database);
                new BackupCheckpoint(database).Segments("/", "q");
                return 0;
            }
            catch (RabbitBackupException exception) when (exception.Code is ErrorCode.CheckpointDamaged or ErrorCode.FormatTooNew or ErrorCode.CheckpointUnavailable)
            {
                return 1;
            }
        }
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_named()
    {
        Directory.CreateDirectory(_at.Folder);
        string file = Path.Combine(_at.Folder, "a-file");
        File.WriteAllText(file, "");
        RabbitBackupException failure = Assert.Throws<RabbitBackupException>(() => CheckpointDatabase.Open(Path.Combine(file, "folder", "a.db")));
        Assert.Equal(ErrorCode.CheckpointUnavailable, failure.Code);
        Assert.Contains("-CheckpointPath", failure.Hint, StringComparison.Ordinal);
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void A_missing_folder_is_made_for_its_owner_only()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows inherits the access list of the folder");
        _at.Begin().Dispose();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_at.Folder));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_at.File));
    }

    [Fact]
    public void Each_job_has_a_file_of_its_own()
    {
        string[] files =
        [
            CheckpointFolder.FileOf(_at.Folder, "backup", "a", "file:/x"), CheckpointFolder.FileOf(_at.Folder, "backup", "a", "file:/y"),
            CheckpointFolder.FileOf(_at.Folder, "backup", "b", "file:/x"), CheckpointFolder.FileOf(_at.Folder, "restore", "a", "file:/x"),
        ];
        Assert.Equal(files.Length, files.Distinct().Count());
        Assert.Equal(files[0], CheckpointFolder.FileOf(_at.Folder, "backup", "a", "file:/x"));
        Assert.All(files, file => Assert.Equal(_at.Folder, Path.GetDirectoryName(file)));
    }

    private static void Raw(string file, string sql)
    {
        using SqliteConnection connection = new(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ToString());
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}
