using System.Text.Json;
using System.Text.Json.Nodes;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>A user.</summary>
public sealed class UserDefinition : DefinitionObject
{
    internal UserDefinition(JsonElement json)
        : base(DefinitionKind.User, json)
    {
    }

    /// <summary>Tags, e.g. <c>administrator</c>.</summary>
    public IReadOnlyList<string> Tags => Json.Text("tags") is { } text
        ? text.Split(",", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        : Json.Texts("tags");

    /// <summary>It has a password: not only a certificate or another backend.</summary>
    public bool HasPassword => Text("password_hash").Length > 0;

    private protected override void Normalize(JsonObject json)
    {
        json["tags"] = new JsonArray([.. Tags.Order(StringComparer.Ordinal).Select(tag => JsonValue.Create(tag))]);
        Default(json, "limits", new JsonObject());
        Default(json, "hashing_algorithm", "rabbit_password_hashing_sha256");
    }
}
