namespace RabbitMqBackup.Engine.Definitions;

/// <summary>One thing that a transformation did.</summary>
public sealed record TransformationChange
{
    /// <summary>Name of the transformation.</summary>
    public required string Transformation { get; init; }

    /// <summary>The object as it was before.</summary>
    public required DefinitionObject Definition { get; init; }

    /// <summary>The object was left out.</summary>
    public bool IsRemoval { get; init; }

    /// <summary>What was done, for people, e.g. <c>argument x-queue-mode removed</c>.</summary>
    public required string Change { get; init; }

    /// <summary>The object for people.</summary>
    public string Object => Definition.ToString();

    /// <inheritdoc/>
    public override string ToString() => $"{Transformation}: {Object}: {Change}";
}
