using System.Text.Json;
using System.Text.Json.Nodes;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>A policy.</summary>
public sealed class PolicyDefinition : DefinitionObject
{
    internal PolicyDefinition(JsonElement json)
        : base(DefinitionKind.Policy, json)
    {
    }

    /// <summary>Regular expression over names.</summary>
    public string Pattern => Text("pattern");

    /// <summary><c>all</c>, <c>queues</c>, <c>exchanges</c>, <c>classic_queues</c>, <c>quorum_queues</c> or <c>streams</c>.</summary>
    public string ApplyTo => Json.Text("apply-to") ?? "all";

    /// <summary>Of several that match, the one with the highest is in force.</summary>
    public long Priority => Json.Integer("priority") ?? 0;

    /// <summary>Settings by key: bool, long, double, string, null, lists and dictionaries of these.</summary>
    public IReadOnlyDictionary<string, object?> Definition => JsonValues.ToDictionary(Json.Member("definition"));

    private protected override void Normalize(JsonObject json)
    {
        json["apply-to"] = ApplyTo;
        json["priority"] = Priority;
    }

    private protected override void Complete(JsonObject json, bool namesQueueType) => Normalize(json);
}
