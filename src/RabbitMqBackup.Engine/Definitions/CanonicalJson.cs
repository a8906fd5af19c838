using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>JSON values regardless of spelling: order of members, <c>1</c> and <c>1.0</c>, and Erlang's empty list, which brokers write for an empty object.</summary>
internal static class CanonicalJson
{
    /// <summary>One text for all spellings of a value; empty for a missing, null or empty one.</summary>
    internal static string Text(JsonElement json)
    {
        StringBuilder text = new();
        Append(text, json);
        return text.ToString();
    }

    /// <summary>Paths at which two values differ, with the values there; null where there is none.</summary>
    internal static IEnumerable<(string Path, JsonNode? Left, JsonNode? Right)> Differences(JsonNode? left, JsonNode? right, string path = "")
    {
        if (left is JsonObject a && right is JsonObject b)
        {
            foreach (string name in a.Select(pair => pair.Key).Union(b.Select(pair => pair.Key)).Order(StringComparer.Ordinal))
            {
                foreach ((string, JsonNode?, JsonNode?) difference in Differences(a[name], b[name], path.Length == 0 ? name : $"{path}.{name}"))
                {
                    yield return difference;
                }
            }
        }
        else if (left is JsonArray x && right is JsonArray y && x.Count == y.Count)
        {
            for (int i = 0; i < x.Count; i++)
            {
                foreach ((string, JsonNode?, JsonNode?) difference in Differences(x[i], y[i], $"{path}[{i}]"))
                {
                    yield return difference;
                }
            }
        }
        else if (Text(Element(left)) != Text(Element(right)))
        {
            yield return (path, left, right);
        }
    }

    private static JsonElement Element(JsonNode? node) => JsonSerializer.SerializeToElement(node);

    private static void Append(StringBuilder text, JsonElement json)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.Object when json.EnumerateObject().Any():
                text.Append('{');
                foreach (JsonProperty property in json.EnumerateObject().OrderBy(property => property.Name, StringComparer.Ordinal))
                {
                    text.Append(JsonEncodedText.Encode(property.Name)).Append(':');
                    Append(text, property.Value);
                    text.Append(',');
                }

                text.Append('}');
                break;
            case JsonValueKind.Array when json.GetArrayLength() > 0:
                text.Append('[');
                foreach (JsonElement item in json.EnumerateArray())
                {
                    Append(text, item);
                    text.Append(',');
                }

                text.Append(']');
                break;
            case JsonValueKind.Number when json.TryGetDecimal(out decimal number):
                // Dividing by this takes trailing zeros away: 1.0 becomes 1.
                text.Append(number / 1.000000000000000000000000000000000m);
                break;
            case JsonValueKind.Number:
                text.Append(json.GetDouble());
                break;
            case JsonValueKind.String:
                text.Append('"').Append(JsonEncodedText.Encode(json.GetString()!)).Append('"');
                break;
            case JsonValueKind.True or JsonValueKind.False:
                text.Append(json.ValueKind == JsonValueKind.True ? "true" : "false");
                break;
        }
    }
}
