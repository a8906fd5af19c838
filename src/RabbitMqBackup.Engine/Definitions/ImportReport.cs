namespace RabbitMqBackup.Engine.Definitions;

/// <summary>What an import did, as seen by reading back.</summary>
public sealed record ImportReport
{
    /// <summary>Every object of the document, and what the broker made besides them.</summary>
    public required IReadOnlyList<ImportItem> Items { get; init; }

    /// <summary>The target's definitions before the import: import it to go back.</summary>
    public required DefinitionsDocument Snapshot { get; init; }

    /// <summary>The cluster, as <c>amqp://host:port</c>.</summary>
    public string Target { get; init; } = "";

    /// <summary>When it was made.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>What the transformations changed before.</summary>
    public IReadOnlyList<TransformationChange> Changes { get; init; } = [];

    /// <summary>What was odd about the definitions, for people.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Objects that were not there before.</summary>
    public int Created => Count(ImportOutcome.Created);

    /// <summary>Objects that were there just so.</summary>
    public int Equal => Count(ImportOutcome.Equal);

    /// <summary>Objects that were there and are different now.</summary>
    public int Changed => Count(ImportOutcome.Changed);

    /// <summary>Objects that exist with other properties and were left as they are.</summary>
    public int Conflicts => Count(ImportOutcome.Conflict);

    /// <summary>Objects that the broker refused.</summary>
    public int Failed => Count(ImportOutcome.Failed);

    /// <summary>Objects that were left out.</summary>
    public int Skipped => Count(ImportOutcome.Skipped);

    /// <summary>Objects that an undo took away again.</summary>
    public int Removed => Count(ImportOutcome.Removed);

    /// <summary>True when every object is as the document has it.</summary>
    public bool IsComplete => Conflicts == 0 && Failed == 0;

    private int Count(ImportOutcome outcome) => Items.Count(item => item.Outcome == outcome);
}
