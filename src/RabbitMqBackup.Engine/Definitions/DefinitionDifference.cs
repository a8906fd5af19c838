namespace RabbitMqBackup.Engine.Definitions;

/// <summary>One difference between two sets of definitions. A changed object has one for each property.</summary>
public sealed record DefinitionDifference
{
    /// <summary>How it differs.</summary>
    public required DefinitionChange Change { get; init; }

    /// <summary>The object, as the second set has it where both do.</summary>
    public required DefinitionObject Definition { get; init; }

    /// <summary>The object's kind.</summary>
    public DefinitionKind Kind => Definition.Kind;

    /// <summary>The object for people, e.g. <c>queue 'orders' in '/'</c>.</summary>
    public string Object => Definition.ToString();

    /// <summary>Path of the property, e.g. <c>arguments.x-max-length</c>; empty for an object that was added or removed.</summary>
    public string Path { get; init; } = "";

    /// <summary>The property's value in the first set, as JSON; empty where it has none. Secrets are shown as <c>***</c>.</summary>
    public string Before { get; init; } = "";

    /// <summary>The property's value in the second set, as JSON; empty where it has none. Secrets are shown as <c>***</c>.</summary>
    public string After { get; init; } = "";

    /// <inheritdoc/>
    public override string ToString() => Path.Length == 0 ? $"{Change}: {Object}" : $"{Change}: {Object}: {Path} {Show(Before)} -> {Show(After)}";

    private static string Show(string value) => value.Length == 0 ? "(none)" : value;
}
