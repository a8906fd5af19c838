using System.Text.Json;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>A parameter of a component: a shovel, a federation upstream, an operator policy, limits of the virtual host.</summary>
public sealed class ParameterDefinition : DefinitionObject
{
    internal ParameterDefinition(JsonElement json)
        : base(DefinitionKind.Parameter, json)
    {
    }

    /// <summary>E.g. <c>shovel</c>, <c>federation-upstream</c>, <c>operator_policy</c>, <c>vhost-limits</c>.</summary>
    public string Component => Text("component");

    /// <summary>Its value: bool, long, double, string, null, lists and dictionaries of these. For looking at: the user info of URIs in it is hidden, and is in <see cref="DefinitionObject.ToJson"/>.</summary>
    public object? Value => JsonValues.ToClr(DefinitionSecrets.Redact(this).Json.Member("value"));

    private protected override string Title => $"parameter '{Component}/{Name}'";

    private protected override string Id => $"{Component}\0{Name}";
}
