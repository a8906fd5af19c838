using System.Text.Json;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>A parameter of the whole cluster.</summary>
public sealed class GlobalParameterDefinition : DefinitionObject
{
    internal GlobalParameterDefinition(JsonElement json)
        : base(DefinitionKind.GlobalParameter, json)
    {
    }

    /// <summary>Its value: bool, long, double, string, null, lists and dictionaries of these. For looking at: the user info of URIs in it is hidden, and is in <see cref="DefinitionObject.ToJson"/>.</summary>
    public object? Value => JsonValues.ToClr(DefinitionSecrets.Redact(this).Json.Member("value"));

    /// <summary>3.x exports the identity of a cluster, 4.x an empty list of tags, which come from each node's configuration.</summary>
    internal override bool IsBrokersOwn => Name == ClusterId || (Name == "cluster_tags" && Json.Member("value") is { ValueKind: JsonValueKind.Array } tags && tags.GetArrayLength() == 0);

    /// <summary>The parameter that is the identity of a cluster.</summary>
    internal const string ClusterId = "internal_cluster_id";
}
