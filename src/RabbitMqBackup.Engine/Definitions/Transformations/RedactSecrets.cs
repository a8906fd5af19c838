namespace RabbitMqBackup.Engine.Definitions.Transformations;

/// <summary>Takes password hashes and the user info of URIs out. An import leaves objects out that were redacted, so that it can't take a password away.</summary>
internal sealed class RedactSecrets() : Transformation("RedactSecrets", "Replaces password hashes, and user names and passwords in URIs of parameters, by ***.")
{
    internal override DefinitionsDocument Apply(DefinitionsDocument document, List<TransformationChange> changes) => document.WithObjects(document.Objects.Select(item =>
    {
        DefinitionObject redacted = DefinitionSecrets.Redact(item);
        if (!ReferenceEquals(redacted, item))
        {
            changes.Add(Change(item, item is UserDefinition ? "password hash redacted" : "user info of URIs redacted"));
        }

        return redacted;
    }));
}
