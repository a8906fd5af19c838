namespace RabbitMqBackup.Engine.Catalog;

/// <summary>How whole a backup is.</summary>
public enum BackupStatus
{
    /// <summary>Everything that was asked for is in it.</summary>
    Complete,

    /// <summary>Something that was asked for is not in it; the queues say what and why.</summary>
    Partial,

    /// <summary>There is no manifest yet: running, or ended before its end.</summary>
    InProgress,
}
