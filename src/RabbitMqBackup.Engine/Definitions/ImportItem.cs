namespace RabbitMqBackup.Engine.Definitions;

/// <summary>One object of an import.</summary>
public sealed record ImportItem
{
    /// <summary>The object as it was to be.</summary>
    public required DefinitionObject Definition { get; init; }

    /// <summary>What became of it; in a plan: what would.</summary>
    public required ImportOutcome Outcome { get; init; }

    /// <summary>Where it differs or why it failed, for people; empty when it is as wanted.</summary>
    public string Reason { get; init; } = "";

    /// <summary>What the transformations changed in it before, for people; empty where nothing.</summary>
    public string Transformed { get; init; } = "";

    /// <summary>The object's kind.</summary>
    public DefinitionKind Kind => Definition.Kind;

    /// <summary>The object for people, e.g. <c>queue 'orders' in '/'</c>.</summary>
    public string Object => Definition.ToString();

    /// <inheritdoc/>
    public override string ToString() => Reason.Length == 0 ? $"{Outcome}: {Object}" : $"{Outcome}: {Object}: {Reason}";

    /// <summary>The item of an undo as an error, for what stays as the import made it.</summary>
    public RabbitBackupException? ToUndoException() => Outcome is ImportOutcome.Conflict or ImportOutcome.Failed
        ? new(ErrorCode.DefinitionConflict, $"The {Object} stays as it is: {Reason.TrimEnd('.')}.")
        {
            Target = Object,
            Hint = Outcome is ImportOutcome.Conflict ? "-Force takes it back all the same." : "Empty or free it and undo again, or delete it yourself.",
        }
        : null;

    /// <summary>The item as an error, for a conflict or a failure.</summary>
    public RabbitBackupException? ToException() => Outcome switch
    {
        ImportOutcome.Conflict => new(ErrorCode.DefinitionConflict, $"The {Object} exists with other properties: {Reason.TrimEnd('.')}.")
        {
            Target = Object,
            Hint = "An import changes no queue and no exchange that exists. Delete it on the target, or leave it out.",
        },
        ImportOutcome.Failed => new(ErrorCode.DefinitionInvalid, $"The {Object} was not imported: {Reason.TrimEnd('.')}.") { Target = Object },
        _ => null,
    };
}
