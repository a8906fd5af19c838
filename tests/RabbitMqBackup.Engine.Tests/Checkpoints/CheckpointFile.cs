using RabbitMqBackup.Engine.Checkpoints;

namespace RabbitMqBackup.Engine.Tests.Checkpoints;

/// <summary>A checkpoint in a folder of its own that goes with it.</summary>
internal sealed class CheckpointFile : IDisposable
{
    internal string Folder { get; } = Path.Combine(Path.GetTempPath(), $"rmqb-checkpoint-{Guid.NewGuid():n}");

    internal string File => Path.Combine(Folder, "backup-a-0.db");

    /// <summary>A job in a checkpoint, which the caller disposes.</summary>
    internal CheckpointDatabase Begin()
    {
        CheckpointDatabase database = CheckpointDatabase.Open(File);
        new CheckpointJob { Kind = BackupCheckpoint.Kind, Id = "a", Store = "memory:", CreatedAt = DateTimeOffset.UnixEpoch }.Begin(database);
        return database;
    }

    public void Dispose()
    {
        if (Directory.Exists(Folder))
        {
            Directory.Delete(Folder, recursive: true);
        }
    }
}
