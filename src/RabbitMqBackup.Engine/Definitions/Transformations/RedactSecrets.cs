using System.Text.Json.Nodes;

namespace RabbitMqBackup.Engine.Definitions.Transformations;

/// <summary>Takes password hashes and the user info of URIs out. An import leaves objects out that were redacted, so that it can't take a password away.</summary>
internal sealed class RedactSecrets() : Transformation("RedactSecrets", "Replaces password hashes, and user names and passwords in URIs of parameters, by ***.")
{
    internal override DefinitionsDocument Apply(DefinitionsDocument document, List<TransformationChange> changes) => document.WithObjects(document.Objects.Select(item => item switch
    {
        UserDefinition { HasPassword: true } => Redact(item, json => json["password_hash"] = DefinitionSecrets.Hidden, "password hash redacted", changes),
        ParameterDefinition or GlobalParameterDefinition when DefinitionSecrets.HideUserInfo(item.ToJson()) != item.ToJson() =>
            Redact(item, json => json["value"] = JsonNode.Parse(DefinitionSecrets.HideUserInfo(json["value"]!.ToJsonString())), "user info of URIs redacted", changes),
        _ => item,
    }));

    private DefinitionObject Redact(DefinitionObject item, Action<JsonObject> edit, string change, List<TransformationChange> changes)
    {
        changes.Add(Change(item, change));
        return item.With(edit);
    }
}
