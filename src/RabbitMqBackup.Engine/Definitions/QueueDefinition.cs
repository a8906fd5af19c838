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

    /// <summary>Survives a restart; so it does where the definitions don't say, as 4.x has it.</summary>
    public bool Durable => Flag("durable", missing: true);

    /// <summary>Deleted with its last consumer.</summary>
    public bool AutoDelete => Flag("auto_delete", missing: false);

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

    private protected override void Complete(JsonObject json, bool namesQueueType)
    {
        json["durable"] = Durable;
        json["auto_delete"] = AutoDelete;
        if (json["arguments"] is not JsonObject arguments)
        {
            json["arguments"] = arguments = [];
        }

        // Else a broker gives a classic queue the default type of its virtual host (measured on 4.0).
        if (namesQueueType && !arguments.ContainsKey(TypeArgument))
        {
            arguments[TypeArgument] = Type;
        }
    }
}
