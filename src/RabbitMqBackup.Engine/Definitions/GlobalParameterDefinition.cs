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

    /// <summary>Its value: bool, long, double, string, null, lists and dictionaries of these.</summary>
    public object? Value => JsonValues.ToClr(Json.Member("value"));

    /// <summary>3.x exports the identity of a cluster; no other takes it.</summary>
    internal override bool IsBrokersOwn => Name == "internal_cluster_id";
}
