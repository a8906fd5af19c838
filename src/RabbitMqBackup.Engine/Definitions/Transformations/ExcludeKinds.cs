namespace RabbitMqBackup.Engine.Definitions.Transformations;

/// <summary>Leaves out all objects of some kinds.</summary>
internal sealed class ExcludeKinds(string name, string description, params DefinitionKind[] kinds) : Transformation(name, description)
{
    internal override DefinitionsDocument Apply(DefinitionsDocument document, List<TransformationChange> changes)
    {
        changes.AddRange(document.Objects.Where(item => kinds.Contains(item.Kind)).Select(item => Change(item, "left out", isRemoval: true)));
        return document.WithObjects(document.Objects.Where(item => !kinds.Contains(item.Kind)));
    }
}
