namespace RabbitMqBackup.Engine.Catalog;

/// <summary>What became of a queue in a backup.</summary>
public enum QueueOutcome
{
    /// <summary>Read up to the depth at its start.</summary>
    Captured,

    /// <summary>Read, but not all of it: see <see cref="QueueEntry.Gaps"/>.</summary>
    Incomplete,

    /// <summary>Not read, by a decision of the pre-flight check.</summary>
    Skipped,

    /// <summary>Could not be read.</summary>
    Failed,
}
