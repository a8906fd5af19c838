namespace RabbitMqBackup.Engine.Definitions;

/// <summary>What became of an object in an import.</summary>
public enum ImportOutcome
{
    /// <summary>It was not there before.</summary>
    Created,

    /// <summary>It was there just so.</summary>
    Equal,

    /// <summary>It was there and is different now.</summary>
    Changed,

    /// <summary>It is there with other properties, which the import could not change.</summary>
    Conflict,

    /// <summary>The broker refused it.</summary>
    Failed,

    /// <summary>It was left out, for the reason given.</summary>
    Skipped,

    /// <summary>An undo took it away again.</summary>
    Removed,
}
