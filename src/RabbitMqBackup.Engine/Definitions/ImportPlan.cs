namespace RabbitMqBackup.Engine.Definitions;

/// <summary>What an import will do, decided before anything is touched.</summary>
public sealed record ImportPlan
{
    /// <summary>The options it was made from.</summary>
    public required ImportOptions Options { get; init; }

    /// <summary>The target's definitions before the import: import it to go back.</summary>
    public required DefinitionsDocument Snapshot { get; init; }

    /// <summary>Every object, with what the import would do to it.</summary>
    public required IReadOnlyList<ImportItem> Items { get; init; }

    /// <summary>What was odd about the definitions, for people.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>What the transformations changed.</summary>
    public IReadOnlyList<TransformationChange> Changes { get; init; } = [];

    /// <summary>
    /// The plan as if it had been carried out, to be kept before the import begins: of an import that was killed half-way, an undo takes back what is there of it.
    /// </summary>
    public ImportReport ToReport() => new() { Items = Items, Snapshot = Snapshot, Changes = Changes, Warnings = Warnings, Target = Target, CreatedAt = DateTimeOffset.UtcNow };

    /// <summary>For a confirmation: what it is done to.</summary>
    public string Target => Options.Broker.DisplayUri;

    /// <summary>For a confirmation: what is done.</summary>
    public string Summary =>
        $"Import {Items.Count} definition(s): {Count(ImportOutcome.Created)} new, {Count(ImportOutcome.Changed)} changed, {Count(ImportOutcome.Equal)} equal, {Count(ImportOutcome.Conflict)} in conflict";

    private int Count(ImportOutcome outcome) => Items.Count(item => item.Outcome == outcome);
}
