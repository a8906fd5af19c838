using System.Net;
using System.Text;
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

    private static string Text(JsonElement json, string name) => json.TryGetProperty(name, out JsonElement value) ? Text(value) : "";

    // 3.10 writes Erlang's terms as lists, and its texts as lists of characters: ["amqp_error","precondition_failed",[105,110,...],"none"].
    private static string Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Array when value.GetArrayLength() > 0 && value.EnumerateArray().All(IsCharacter) => string.Concat(value.EnumerateArray().Select(Character)),
        JsonValueKind.Array => string.Join(": ", value.EnumerateArray().Select(Text).Where(text => text is not ("amqp_error" or "none"))),
        _ => value.GetRawText(),
    };

    private static bool IsCharacter(JsonElement item) => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out int code) && Rune.IsValid(code);

    private static string Character(JsonElement item) => new Rune(item.GetInt32()).ToString();

    private static string Clean(string reason)
    {
        // Brokers before 4.3 escape some reasons for HTML, 4.0 prints some as Erlang's binaries: <<"...\n">>.
        string plain = WebUtility.HtmlDecode(reason).Replace("<<\"", "", StringComparison.Ordinal).Replace("\">>", "", StringComparison.Ordinal).Replace("\\n", " ", StringComparison.Ordinal);
        string line = Passphrase().Replace(UserInfo().Replace(Blanks().Replace(plain, " ").Trim().TrimEnd('.'), "://***@"), "$1***");
        return line.Length > MaxReason ? line[..MaxReason] + "…" : line;
    }

    [GeneratedRegex(@"://[^/?#\s""]*@", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex UserInfo();

    [GeneratedRegex(@"([?&]password=)[^&#\s""]*", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase, 1000)]
    private static partial Regex Passphrase();

    [GeneratedRegex(@"\s+", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Blanks();
}
