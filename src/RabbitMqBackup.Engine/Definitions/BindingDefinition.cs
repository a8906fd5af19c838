using System.Text.Json;
using System.Text.Json.Nodes;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>A binding.</summary>
public sealed class BindingDefinition : DefinitionObject
{
    internal BindingDefinition(JsonElement json)
        : base(DefinitionKind.Binding, json)
    {
    }

    /// <summary>The exchange that messages come from.</summary>
    public string Source => Text("source");

    /// <summary>The queue or exchange that they go to.</summary>
    public string Destination => Text("destination");

    /// <summary><c>queue</c> or <c>exchange</c>.</summary>
    public string DestinationType => Json.Text("destination_type") ?? "queue";

    /// <summary>Routing key.</summary>
    public string RoutingKey => Text("routing_key");

    /// <summary>Source and destination.</summary>
    public override string Name => $"{Source} -> {Destination}";

    /// <summary>The default exchange's, which every queue has by itself: lists of the management API show it.</summary>
    internal override bool IsBrokersOwn => Source.Length == 0 && DestinationType == "queue" && Destination == RoutingKey;

    /// <summary>Arguments by name: bool, long, double, string, null, lists and dictionaries of these.</summary>
    public IReadOnlyDictionary<string, object?> Arguments => JsonValues.ToDictionary(Json.Member("arguments"));

    private protected override string Title => $"binding '{Source}' -> {DestinationType} '{Destination}' with key '{RoutingKey}'";

    private protected override string Id => $"{Source}\0{DestinationType}\0{Destination}\0{RoutingKey}\0{CanonicalJson.Text(Json.Member("arguments"))}";

    private protected override void Normalize(JsonObject json)
    {
        json["destination_type"] = DestinationType;
        Default(json, "arguments", new JsonObject());
    }

    private protected override void Complete(JsonObject json, bool namesQueueType) => Normalize(json);
}
