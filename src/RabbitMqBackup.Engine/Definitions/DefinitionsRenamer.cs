using System.Text.Json.Nodes;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>Gives virtual hosts, users, queues and exchanges other names, wherever an object refers to them by name.</summary>
internal sealed class DefinitionsRenamer
{
    /// <summary>A virtual host's new name.</summary>
    internal Func<string, string> VirtualHost { get; init; } = name => name;

    /// <summary>A user's new name.</summary>
    internal Func<string, string> User { get; init; } = name => name;

    /// <summary>A queue's new name, by its old virtual host and name.</summary>
    internal Func<string?, string, string> Queue { get; init; } = (_, name) => name;

    /// <summary>An exchange's new name, by its old virtual host and name. Never asked for the broker's own.</summary>
    internal Func<string?, string, string> Exchange { get; init; } = (_, name) => name;

    /// <summary>The object under its new names; itself where none changes.</summary>
    internal DefinitionObject Apply(DefinitionObject item)
    {
        JsonObject json = JsonObject.Create(item.Json)!;
        string? host = item.VirtualHost;
        Set(json, "vhost", VirtualHost);
        switch (item)
        {
            case VirtualHostDefinition:
                Set(json, "name", VirtualHost);
                break;
            case UserDefinition:
                Set(json, "name", User);
                break;
            case PermissionDefinition:
                Set(json, "user", User);
                break;
            case TopicPermissionDefinition:
                Set(json, "user", User);
                SetExchange(json, "exchange", host);
                break;
            case PolicyDefinition:
                SetReferences(json["definition"] as JsonObject, "", host);
                break;
            case ParameterDefinition { Component: "operator_policy" }:
                SetReferences(json["value"]?["definition"] as JsonObject, "", host);
                break;
            case ExchangeDefinition:
                SetExchange(json, "name", host);
                SetExchange(json["arguments"] as JsonObject, "alternate-exchange", host);
                break;
            case QueueDefinition:
                Set(json, "name", name => Queue(host, name));
                SetReferences(json["arguments"] as JsonObject, "x-", host);
                break;
            case BindingDefinition binding:
                SetExchange(json, "source", host);
                if (binding.DestinationType == "queue")
                {
                    Set(json, "destination", name => Queue(host, name));
                }
                else
                {
                    SetExchange(json, "destination", host);
                }

                break;
        }

        return JsonNode.DeepEquals(json, JsonObject.Create(item.Json)) ? item : item.With(copy =>
        {
            foreach ((string name, JsonNode? value) in json)
            {
                copy[name] = value?.DeepClone();
            }
        });
    }

    private static void Set(JsonObject? json, string name, Func<string, string> rename)
    {
        if (json?[name] is JsonValue value && value.TryGetValue(out string? text))
        {
            json[name] = rename(text);
        }
    }

    private void SetExchange(JsonObject? json, string name, string? host) =>
        Set(json, name, exchange => exchange.Length == 0 || exchange.StartsWith("amq.", StringComparison.Ordinal) ? exchange : Exchange(host, exchange));

    private void SetReferences(JsonObject? settings, string prefix, string? host)
    {
        // Dead letters to the default exchange go to the queue whose name is the routing key.
        if (settings?[prefix + "dead-letter-exchange"] is JsonValue value && value.TryGetValue(out string? exchange) && exchange.Length == 0)
        {
            Set(settings, prefix + "dead-letter-routing-key", name => Queue(host, name));
        }

        SetExchange(settings, prefix + "dead-letter-exchange", host);
        SetExchange(settings, prefix + "alternate-exchange", host);
    }
}
