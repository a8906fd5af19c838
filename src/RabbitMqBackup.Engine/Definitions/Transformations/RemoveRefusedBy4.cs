using System.Text.Json.Nodes;

namespace RabbitMqBackup.Engine.Definitions.Transformations;

/// <summary>
/// What a broker from 4.0 on refuses or has no use for. Measured: 4.3 refuses the policy key queue-master-locator, the argument x-queue-master-locator, and x-queue-version 1; lazy mode has been
/// without effect since 3.12; queues that are neither durable nor exclusive are deprecated and off by default in a later version; <c>default_queue_type: undefined</c> is how 3.x writes none.
/// A list of feature flags, which some tools put into definitions, has no meaning for another version.
/// </summary>
internal sealed class RemoveRefusedBy4()
    : Transformation("RemoveRefusedBy4", "Takes out what RabbitMQ 4 refuses or has no use for: queue modes, master locators, version 1 queues, transient queues (made durable), undefined default types, feature flags.")
{
    internal override DefinitionsDocument Apply(DefinitionsDocument document, List<TransformationChange> changes) => document.Without("feature_flags").WithObjects(document.Objects
        .Select(item => RemoveSettings(item, (key, value) => IsRefused(key, value), changes))
        .OfType<DefinitionObject>()
        .Select(item => item switch
        {
            QueueDefinition queue => MakeDurable(queue, RemoveArguments(queue, (key, value) => key.StartsWith("x-", StringComparison.Ordinal) && IsRefused(key[2..], value), changes), changes),
            VirtualHostDefinition host => DefineType(host, changes),
            _ => item,
        }));

    private static bool IsRefused(string key, JsonNode? value) => key switch
    {
        "queue-mode" or "queue-master-locator" => true,
        "queue-version" => value is JsonValue number && number.TryGetValue(out long version) && version < 2,
        _ => false,
    };

    private DefinitionObject MakeDurable(QueueDefinition before, DefinitionObject item, List<TransformationChange> changes)
    {
        if (before.Durable)
        {
            return item;
        }

        changes.Add(Change(before, "made durable: applications that declare it have to declare it so"));
        return item.With(json => json["durable"] = true);
    }

    private DefinitionObject DefineType(VirtualHostDefinition host, List<TransformationChange> changes)
    {
        const string type = "default_queue_type";
        JsonObject json = JsonObject.Create(host.Json)!;
        if (!IsUndefined(json[type]) && !IsUndefined(json["metadata"]?[type]))
        {
            return host;
        }

        changes.Add(Change(host, $"undefined {type} removed"));
        return host.With(copy =>
        {
            copy.Remove(type);
            (copy["metadata"] as JsonObject)?.Remove(type);
        });
    }

    private static bool IsUndefined(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) && text == "undefined";
}
