using Microsoft.Data.Sqlite;
using RabbitMqBackup.Engine.Checkpoints;
using RabbitMqBackup.Engine.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Checkpoints;

public sealed class CheckpointCopyTests : IDisposable
{
    private static readonly ObjectPath Place = ObjectPath.Parse("a/state/offsets.db");

    private readonly CheckpointFile _at = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _at.Dispose();

    [Fact]
    public async Task A_job_goes_on_from_the_copy_on_another_machine()
    {
        MemoryStore store = new();
        string there = Path.Combine(_at.Folder, "elsewhere", "a.db");
        using (CheckpointDatabase database = _at.Begin())
        {
            new BackupCheckpoint(database).AddSegment("/", "q", new SegmentCheckpoint(1, 10, 77, [1]));
            await CheckpointCopy.PutAsync(database, store, Place, Cancel);
            new BackupCheckpoint(database).AddSegment("/", "q", new SegmentCheckpoint(2, 10, 77, [1]));
        }

        Assert.True(await CheckpointCopy.GetAsync(store, Place, there, Cancel));
        using CheckpointDatabase copy = CheckpointDatabase.Open(there);
        Assert.Equal("a", CheckpointJob.Read(copy)!.Id);
        Assert.Single(new BackupCheckpoint(copy).Segments("/", "q"));
        new BackupCheckpoint(copy).AddSegment("/", "q", new SegmentCheckpoint(2, 1, 1, [1]));
    }

    [Fact]
    public async Task Without_a_copy_there_is_nothing_to_go_on_from()
    {
        Assert.False(await CheckpointCopy.GetAsync(new MemoryStore(), Place, _at.File, Cancel));
        Assert.False(File.Exists(_at.File));
    }

    [Fact]
    public void SQLite_itself_reads_the_copy_with_its_seal()
    {
        using (CheckpointDatabase database = _at.Begin())
        {
            File.WriteAllBytes(Path.Combine(_at.Folder, "copy.db"), CheckpointCopy.Seal(database.Snapshot()));
        }

        using SqliteConnection connection = new($"Data Source={Path.Combine(_at.Folder, "copy.db")};Pooling=False");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT id FROM job";
        Assert.Equal("a", command.ExecuteScalar());
    }

    [Fact]
    public void Every_altered_byte_and_every_cut_is_noticed()
    {
        byte[] copy;
        using (CheckpointDatabase database = _at.Begin())
        {
            copy = CheckpointCopy.Seal(database.Snapshot());
        }

        Assert.Equal(copy.Length - 36, CheckpointCopy.Unseal(copy, "x").Length);
        for (int i = 0; i < copy.Length; i++)
        {
            // Hashing 40 kB 40,000 times is a minute: in the middle of the file every 53rd byte, which SHA-256 does not tell apart from its neighbours.
            if (i % 53 != 0 && i > 200 && i < copy.Length - 64)
            {
                continue;
            }

            copy[i] ^= 1;
            RabbitBackupException failure = Assert.Throws<RabbitBackupException>(() => CheckpointCopy.Unseal(copy, "a/state/offsets.db"));
            Assert.Equal((ErrorCode.CheckpointDamaged, "a/state/offsets.db"), (failure.Code, failure.Target));
            copy[i] ^= 1;
            Assert.Throws<RabbitBackupException>(() => CheckpointCopy.Unseal(copy.AsMemory(0, i), "x"));
        }
    }

    [Fact]
    public async Task The_copy_follows_the_changes_and_the_end_makes_it_equal()
    {
        MemoryStore store = new();
        using CheckpointDatabase database = _at.Begin();
        await using CheckpointSync sync = new(database, store, Place, TimeSpan.FromMinutes(10), TimeProvider.System, failure => Assert.Fail(failure.Message));
        CheckpointSettings.Write(database, "a", "1");
        sync.Soon();
        sync.Soon();
        while (await store.HeadAsync(Place, Cancel) is null)
        {
            await Task.Delay(10, Cancel);
        }

        for (int i = 0; i < 50; i++)
        {
            CheckpointSettings.Write(database, "a", $"{i}");
            sync.Soon();
        }

        Assert.True(await sync.FinishAsync(Cancel));
        string there = Path.Combine(_at.Folder, "b.db");
        await CheckpointCopy.GetAsync(store, Place, there, Cancel);
        using CheckpointDatabase copy = CheckpointDatabase.Open(there);
        Assert.Equal(CheckpointJob.Read(database), CheckpointJob.Read(copy));
    }

    [Fact]
    public async Task A_change_without_a_call_is_copied_after_the_interval()
    {
        MemoryStore store = new();
        using CheckpointDatabase database = _at.Begin();
        await using CheckpointSync sync = new(database, store, Place, TimeSpan.FromMilliseconds(50), TimeProvider.System, failure => Assert.Fail(failure.Message));
        CheckpointSettings.Write(database, "a", "1");
        while (await store.HeadAsync(Place, Cancel) is null)
        {
            await Task.Delay(10, Cancel);
        }
    }

    [Fact]
    public async Task A_store_that_refuses_the_copy_is_told_once_and_ends_nothing()
    {
        using CheckpointDatabase database = _at.Begin();
        string blocked = Path.Combine(_at.Folder, "blocked");
        await File.WriteAllTextAsync(blocked, "a file where the store's folder should be", Cancel);
        await using FileSystemStore store = new(blocked);
        List<RabbitBackupException> told = [];
        await using CheckpointSync sync = new(database, store, Place, TimeSpan.FromMilliseconds(20), TimeProvider.System, told.Add);
        CheckpointSettings.Write(database, "a", "1");
        while (told.Count == 0)
        {
            await Task.Delay(10, Cancel);
        }

        Assert.False(await sync.FinishAsync(Cancel));
        Assert.Single(told);
    }
}
