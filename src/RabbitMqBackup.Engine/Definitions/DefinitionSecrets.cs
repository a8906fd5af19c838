using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>What in definitions is a secret: password hashes, and the user info of URIs in shovel and federation parameters.</summary>
internal static partial class DefinitionSecrets
{
    internal const string Hidden = "***";

    /// <summary>A value as JSON, fit to be shown.</summary>
    internal static string Hide(string path, string json) => path.EndsWith("password_hash", StringComparison.Ordinal) || path.EndsWith("password", StringComparison.Ordinal) ? $"\"{Hidden}\"" : HideUserInfo(json);

    /// <summary>A text without the user info of the URIs in it.</summary>
    internal static string HideUserInfo(string text) => UserInfo().Replace(text, $"://{Hidden}@");

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
            case ParameterDefinition or GlobalParameterDefinition when HideUserInfo(item.ToJson()) != item.ToJson():
                return item.With(json => json["value"] = JsonNode.Parse(HideUserInfo(json["value"]!.ToJsonString())));
            default:
                return item;
        }
    }

    /// <summary>The object had a secret that was taken out.</summary>
    internal static bool IsRedacted(DefinitionObject item) => item switch
    {
        UserDefinition => item.Json.Text("password_hash") == Hidden || item.Json.Text("password") == Hidden,
        ParameterDefinition or GlobalParameterDefinition => item.ToJson().Contains($"://{Hidden}@", StringComparison.Ordinal),
        _ => false,
    };

    [GeneratedRegex(@"://[^/@\s""]*@", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex UserInfo();
}
