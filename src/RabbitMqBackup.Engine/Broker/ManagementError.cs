using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>The body of a refused request: <c>{"error":"not_authorised","reason":"Not management user"}</c>.</summary>
/// <param name="Code">The broker's word for it, for decisions.</param>
/// <param name="Reason">The broker's sentence, for people; without a password that a URI in it may have.</param>
internal readonly partial record struct ManagementError(string Code, string Reason)
{
    private const int MaxReason = 500;

    /// <summary>Understands what the broker says; what is not its JSON (a proxy's page) gives empty fields.</summary>
    internal static ManagementError Parse(ReadOnlySpan<byte> body)
    {
        try
        {
            Utf8JsonReader reader = new(body);
            using JsonDocument json = JsonDocument.ParseValue(ref reader);
            return json.RootElement.ValueKind == JsonValueKind.Object
                ? new(Text(json.RootElement, "error"), Clean(Text(json.RootElement, "reason")))
                : new("", "no reason given");
        }
        catch (JsonException)
        {
            return new("", "no reason given");
        }
    }

    private static string Text(JsonElement json, string name) => json.TryGetProperty(name, out JsonElement value)
        ? value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText()
        : "";

    private static string Clean(string reason)
    {
        // Brokers before 4.3 escape some reasons for HTML.
        string line = UserInfo().Replace(Blanks().Replace(WebUtility.HtmlDecode(reason), " ").Trim().TrimEnd('.'), "://***@");
        return line.Length > MaxReason ? line[..MaxReason] + "…" : line;
    }

    [GeneratedRegex(@"://[^/@\s]*@", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex UserInfo();

    [GeneratedRegex(@"\s+", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Blanks();
}
