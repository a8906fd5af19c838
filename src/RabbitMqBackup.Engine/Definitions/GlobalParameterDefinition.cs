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
}
