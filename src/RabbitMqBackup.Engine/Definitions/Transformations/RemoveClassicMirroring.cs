namespace RabbitMqBackup.Engine.Definitions.Transformations;

/// <summary>Mirrored classic queues ended with 3.13; 4.x refuses (400) every policy that has one of their keys (measured on 4.0.5 and 4.3.6).</summary>
internal sealed class RemoveClassicMirroring()
    : Transformation("RemoveClassicMirroring", "Takes the keys of classic queue mirroring (ha-...) out of policies, and policies with nothing else.")
{
    internal static bool IsMirroring(string key) => key.StartsWith("ha-", StringComparison.Ordinal);

    internal override DefinitionsDocument Apply(DefinitionsDocument document, List<TransformationChange> changes) => document.WithObjects(document.Objects
        .Select(item => RemoveSettings(item, (key, _) => IsMirroring(key), changes))
        .OfType<DefinitionObject>()
        .Select(item => item is QueueDefinition ? RemoveArguments(item, (key, _) => key == "x-ha-policy", changes) : item));
}
