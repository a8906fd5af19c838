using System.Text.Json.Nodes;

namespace RabbitMqBackup.Engine.Definitions.Transformations;

/// <summary>
/// Mirrored classic queues ended with 3.13; 4.x refuses (400) every policy that has one of their keys, and every federation upstream with an <c>ha-policy</c> (measured on 4.0.5 and 4.3.6).
/// </summary>
internal sealed class RemoveClassicMirroring()
    : Transformation("RemoveClassicMirroring", "Takes the keys of classic queue mirroring (ha-...) out of policies and federation upstreams, and policies with nothing else.")
{
    internal static bool IsMirroring(string key) => key.StartsWith("ha-", StringComparison.Ordinal);

    internal override DefinitionsDocument Apply(DefinitionsDocument document, List<TransformationChange> changes) => document.WithObjects(document.Objects
        .Select(item => RemoveSettings(item, (key, _) => IsMirroring(key), changes))
        .OfType<DefinitionObject>()
        .Select(item => item switch
        {
            QueueDefinition => RemoveArguments(item, (key, _) => key == "x-ha-policy", changes),
            ParameterDefinition { Component: "federation-upstream" } => RemoveUpstreamPolicy(item, changes),
            _ => item,
        }));

    private DefinitionObject RemoveUpstreamPolicy(DefinitionObject upstream, List<TransformationChange> changes)
    {
        const string key = "ha-policy";
        if (JsonObject.Create(upstream.Json)!["value"] is not JsonObject value || !value.ContainsKey(key))
        {
            return upstream;
        }

        changes.Add(Change(upstream, $"{key} removed"));
        return upstream.With(json => ((JsonObject)json["value"]!).Remove(key));
    }
}
