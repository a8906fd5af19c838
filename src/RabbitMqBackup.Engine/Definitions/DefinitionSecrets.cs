using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>What in definitions is a secret: password hashes, and in URIs of shovel and federation parameters the user info, and the passphrase of a TLS key.</summary>
internal static partial class DefinitionSecrets
{
    internal const string Hidden = "***";

    /// <summary>A value as JSON, fit to be shown.</summary>
    internal static string Hide(string path, JsonNode value) =>
        path.EndsWith("password_hash", StringComparison.Ordinal) || path.EndsWith("password", StringComparison.Ordinal) ? $"\"{Hidden}\"" : HideIn(value)!.ToJsonString();

    /// <summary>A text without the secrets of the URIs in it.</summary>
    internal static string HideUserInfo(string text) => Passphrase().Replace(UserInfo().Replace(text, $"://{Hidden}@"), $"$1{Hidden}");

    /// <summary>The object without its secrets; itself where it has none.</summary>
    internal static DefinitionObject Redact(DefinitionObject item)
    {
        switch (item)
        {
            case UserDefinition { HasPassword: true }:
                return item.With(json =>
                {
                    json.Remove("password");
                    json["password_hash"] = Hidden;
                });
            case ParameterDefinition or GlobalParameterDefinition when Exists(item.Json.Member("value"), text => HideUserInfo(text) != text):
                return item.With(json => json["value"] = HideIn(json["value"]));
            default:
                return item;
        }
    }

    /// <summary>The object had a secret that was taken out.</summary>
    internal static bool IsRedacted(DefinitionObject item) => item switch
    {
        UserDefinition => item.Json.Text("password_hash") == Hidden || item.Json.Text("password") == Hidden,
        ParameterDefinition or GlobalParameterDefinition => Exists(item.Json.Member("value"), text => text.Contains($"://{Hidden}@", StringComparison.Ordinal) || text.Contains($"password={Hidden}", StringComparison.OrdinalIgnoreCase)),
        _ => false,
    };

    /// <summary>Looks at texts as they are meant: JSON can spell a slash or an at sign as an escape.</summary>
    private static bool Exists(JsonElement value, Func<string, bool> isMeant) => value.ValueKind switch
    {
        JsonValueKind.String => isMeant(value.GetString()!),
        JsonValueKind.Array => value.EnumerateArray().Any(item => Exists(item, isMeant)),
        JsonValueKind.Object => value.EnumerateObject().Any(member => Exists(member.Value, isMeant)),
        _ => false,
    };

    private static JsonNode? HideIn(JsonNode? value) => value switch
    {
        JsonObject members => new JsonObject(members.Select(member => KeyValuePair.Create(member.Key, HideIn(member.Value)))),
        JsonArray items => new JsonArray([.. items.Select(HideIn)]),
        JsonValue text when text.TryGetValue(out string? uri) => JsonValue.Create(HideUserInfo(uri)),
        _ => value?.DeepClone(),
    };

    // Up to the last at sign: brokers take a password that has one in it.
    [GeneratedRegex(@"://[^/?#\s""]*@", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex UserInfo();

    // https://www.rabbitmq.com/docs/uri-query-parameters
    [GeneratedRegex(@"([?&]password=)[^&#\s""]*", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase, 1000)]
    private static partial Regex Passphrase();
}
