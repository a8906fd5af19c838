namespace RabbitMqBackup.Engine.Definitions;

/// <summary>What is done to definitions on their way: a part is selected, transformed, and given other names, in this order.</summary>
public sealed record DefinitionsEdit
{
    /// <summary>Where the objects of a file of one virtual host belong. Default: the name that the file has for it.</summary>
    public string? VirtualHost { get; init; }

    /// <summary>Which of the objects. Default: all.</summary>
    public DefinitionsSelection Selection { get; init; } = new();

    /// <summary>Names of transformations (<see cref="DefinitionsTransformations.Names"/>). Default: none.</summary>
    public IReadOnlyList<string> Transformations { get; init; } = [];

    /// <summary>Other names for the objects. Default: none.</summary>
    public DefinitionsRemapping Remapping { get; init; } = new();

    /// <summary>It leaves definitions as they are.</summary>
    public bool ChangesNothing => VirtualHost is null && Selection.IsEverything && Transformations.Count == 0 && Remapping.ChangesNothing;

    /// <summary>The edited definitions, naming every object's virtual host.</summary>
    /// <exception cref="ArgumentException">A file of one virtual host does not tell which, and neither does <see cref="VirtualHost"/>; or there is no transformation of a name.</exception>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.DefinitionInvalid"/>: the selection or the new names do not fit the definitions.</exception>
    public TransformationResult Apply(DefinitionsDocument document)
    {
        DefinitionsTransformations.Check(Transformations);
        TransformationResult transformed = DefinitionsTransformations.Apply(Selection.Apply(document.ToClusterWide(VirtualHost)), Transformations);
        return transformed with { Document = Remapping.Apply(transformed.Document) };
    }
}
