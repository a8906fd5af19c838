using System.Text.Json;
using System.Text.Json.Nodes;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>A queue.</summary>
public sealed class QueueDefinition : DefinitionObject
{
    internal QueueDefinition(JsonElement json)
        : base(DefinitionKind.Queue, json)
    {
    }

    private const string TypeArgument = "x-queue-type";

    /// <summary><c>classic</c>, <c>quorum</c>, <c>stream</c> or a plugin's.</summary>
    public string Type => Json.Member("arguments").Text(TypeArgument) ?? Json.Text("type") ?? QueueTypes.Classic;

    /// <summary>Survives a restart.</summary>
    public bool Durable => Json.Flag("durable");

    /// <summary>Deleted with its last consumer.</summary>
    public bool AutoDelete => Json.Flag("auto_delete");

    /// <summary>Arguments by name: bool, long, double, string, null, lists and dictionaries of these.</summary>
    public IReadOnlyDictionary<string, object?> Arguments => JsonValues.ToDictionary(Json.Member("arguments"));

    // 3.x gives a classic queue no x-queue-type, 4.x adds it, 4.3 says the type a second time.
    private protected override void Normalize(JsonObject json)
    {
        json["type"] = Type;
        json["durable"] = Durable;
        json["auto_delete"] = AutoDelete;
        Default(json, "arguments", new JsonObject());
        (json["arguments"] as JsonObject)?.Remove(TypeArgument);
    }
}
