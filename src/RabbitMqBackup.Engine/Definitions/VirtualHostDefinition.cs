using System.Text.Json;
using System.Text.Json.Nodes;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>A virtual host.</summary>
public sealed class VirtualHostDefinition : DefinitionObject
{
    internal VirtualHostDefinition(JsonElement json)
        : base(DefinitionKind.VirtualHost, json)
    {
    }

    /// <summary>Its own name.</summary>
    public override string? VirtualHost => Name;

    /// <summary>Description, or empty.</summary>
    public string Description => Json.Text("description") ?? Json.Member("metadata").Text("description") ?? "";

    /// <summary>Tags.</summary>
    public IReadOnlyList<string> Tags => Json.Member("tags").ValueKind == JsonValueKind.Array ? Json.Texts("tags") : Json.Member("metadata").Texts("tags");

    /// <summary>Type of queues that are declared without one, or null where none is set.</summary>
    public string? DefaultQueueType =>
        (Json.Text("default_queue_type") ?? Json.Member("metadata").Text("default_queue_type")) is { } type and not "undefined" ? type : null;

    /// <summary>
    /// It says nothing but its name, as in exports of 3.10: what else it is, is not known. Imported into one that is there, it would take away description, tags and default queue type (measured on 3.10,
    /// 4.0 and 4.3).
    /// </summary>
    internal bool IsBare => !Json.EnumerateObject().Any(member => member.Name is not ("name" or "limits"));

    /// <summary>A plain one.</summary>
    internal static VirtualHostDefinition Named(string name) => new(JsonSerializer.SerializeToElement(new Dictionary<string, string> { ["name"] = name }));

    // 3.10 exports the name alone, 4.0 most facts twice, 4.3 once in metadata and with limits that are parameters too.
    private protected override void Normalize(JsonObject json)
    {
        json["description"] = Description;
        json["tags"] = new JsonArray([.. Tags.Order(StringComparer.Ordinal).Select(tag => JsonValue.Create(tag))]);
        json["default_queue_type"] = DefaultQueueType ?? QueueTypes.Classic;
        json.Remove("limits");
        json.Remove("tracing");
        if (json["metadata"] is JsonObject metadata)
        {
            metadata.Remove("description");
            metadata.Remove("tags");
            metadata.Remove("default_queue_type");
            if (metadata.Count == 0)
            {
                json.Remove("metadata");
            }
        }
    }
}
