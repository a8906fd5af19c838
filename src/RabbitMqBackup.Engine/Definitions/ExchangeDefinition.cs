using System.Text.Json;
using System.Text.Json.Nodes;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>An exchange.</summary>
public sealed class ExchangeDefinition : DefinitionObject
{
    internal ExchangeDefinition(JsonElement json)
        : base(DefinitionKind.Exchange, json)
    {
    }

    /// <summary><c>direct</c>, <c>fanout</c>, <c>topic</c>, <c>headers</c> or a plugin's.</summary>
    public string Type => Text("type");

    /// <summary>Survives a restart; so it does where the definitions don't say, as 4.3 has it.</summary>
    public bool Durable => Flag("durable", missing: true);

    /// <summary>Deleted with its last binding.</summary>
    public bool AutoDelete => Flag("auto_delete", missing: false);

    /// <summary>Clients can't publish to it.</summary>
    public bool Internal => Flag("internal", missing: false);

    /// <summary>One of the broker's own, which each makes for itself: 4.3 exports <c>amq.rabbitmq.log</c>.</summary>
    internal override bool IsBrokersOwn => Name.StartsWith("amq.", StringComparison.Ordinal);

    /// <summary>Arguments by name: bool, long, double, string, null, lists and dictionaries of these.</summary>
    public IReadOnlyDictionary<string, object?> Arguments => JsonValues.ToDictionary(Json.Member("arguments"));

    // 4.3 leaves "internal" out.
    private protected override void Normalize(JsonObject json)
    {
        json["durable"] = Durable;
        json["auto_delete"] = AutoDelete;
        json["internal"] = Internal;
        Default(json, "arguments", new JsonObject());
    }

    private protected override void Complete(JsonObject json, bool namesQueueType) => Normalize(json);
}
