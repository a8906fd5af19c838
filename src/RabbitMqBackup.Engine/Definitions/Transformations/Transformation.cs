using System.Text.Json.Nodes;

namespace RabbitMqBackup.Engine.Definitions.Transformations;

/// <summary>One named change to definitions.</summary>
internal abstract class Transformation(string name, string description)
{
    internal string Name { get; } = name;

    /// <summary>What it does, for people.</summary>
    internal string Description { get; } = description;

    /// <summary>The document with the change; each thing that was done is added to the list.</summary>
    internal abstract DefinitionsDocument Apply(DefinitionsDocument document, List<TransformationChange> changes);

    private protected TransformationChange Change(DefinitionObject before, string change, bool isRemoval = false) =>
        new() { Transformation = Name, Definition = before, Change = change, IsRemoval = isRemoval };

    /// <summary>The settings of a policy, or of an operator policy among the parameters; null for other objects.</summary>
    private protected static JsonObject? PolicySettings(DefinitionObject item, JsonObject json) => item switch
    {
        PolicyDefinition => json["definition"] as JsonObject,
        ParameterDefinition { Component: "operator_policy" } => json["value"]?["definition"] as JsonObject,
        _ => null,
    };

    /// <summary>
    /// A policy without some of its settings; null when nothing is left of it. Other objects, and policies that have none of them, stay as they are.
    /// </summary>
    private protected DefinitionObject? RemoveSettings(DefinitionObject item, Func<string, JsonNode?, bool> isUnwanted, List<TransformationChange> changes)
    {
        JsonObject? before = PolicySettings(item, JsonObject.Create(item.Json)!);
        List<string> unwanted = before is null ? [] : [.. before.Where(pair => isUnwanted(pair.Key, pair.Value)).Select(pair => pair.Key)];
        if (unwanted.Count == 0)
        {
            return item;
        }

        string removed = $"{string.Join(", ", unwanted)} removed";
        if (unwanted.Count == before!.Count)
        {
            changes.Add(Change(item, $"{removed}, and with that the policy, since nothing else was in it", isRemoval: true));
            return null;
        }

        changes.Add(Change(item, removed));
        return item.With(json =>
        {
            foreach (string key in unwanted)
            {
                PolicySettings(item, json)!.Remove(key);
            }
        });
    }

    /// <summary>A queue without some of its arguments.</summary>
    private protected DefinitionObject RemoveArguments(DefinitionObject item, Func<string, JsonNode?, bool> isUnwanted, List<TransformationChange> changes)
    {
        if (JsonObject.Create(item.Json)!["arguments"] is not JsonObject before)
        {
            return item;
        }

        List<string> unwanted = [.. before.Where(pair => isUnwanted(pair.Key, pair.Value)).Select(pair => pair.Key)];
        if (unwanted.Count == 0)
        {
            return item;
        }

        changes.Add(Change(item, $"{string.Join(", ", unwanted)} removed"));
        return item.With(json =>
        {
            foreach (string key in unwanted)
            {
                ((JsonObject)json["arguments"]!).Remove(key);
            }
        });
    }
}
