using System.Text.Json;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>JSON of the management API as plain CLR values: bool, long, double, string, null, lists and dictionaries of these.</summary>
internal static class JsonValues
{
    /// <summary>Any value. Integers beyond 64 bits become double.</summary>
    internal static object? ToClr(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Number => json.TryGetInt64(out long number) ? (object)number : json.GetDouble(),
        JsonValueKind.String => json.GetString(),
        JsonValueKind.Array => json.EnumerateArray().Select(ToClr).ToList(),
        JsonValueKind.Object => ToDictionary(json),
        _ => null,
    };

    /// <summary>An object; the broker writes an empty one as <c>[]</c> here and there, and null for none.</summary>
    internal static Dictionary<string, object?> ToDictionary(JsonElement json)
    {
        Dictionary<string, object?> values = [];
        if (json.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty property in json.EnumerateObject())
            {
                values[property.Name] = ToClr(property.Value);
            }
        }

        return values;
    }

    /// <summary>A member, or an undefined element where there is none.</summary>
    internal static JsonElement Member(this JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out JsonElement value) ? value : default;

    /// <summary>A string member, or null where it is missing or of another kind.</summary>
    internal static string? Text(this JsonElement json, string name) =>
        json.Member(name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    /// <summary>An integer member, or null where it is missing or of another kind.</summary>
    internal static long? Integer(this JsonElement json, string name) =>
        json.Member(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out long number) ? number : null;

    /// <summary>A boolean member; false where it is missing or of another kind.</summary>
    internal static bool Flag(this JsonElement json, string name) => json.Member(name).ValueKind == JsonValueKind.True;

    /// <summary>An array of strings; empty where it is missing or of another kind.</summary>
    internal static IReadOnlyList<string> Texts(this JsonElement json, string name) =>
        json.Member(name) is { ValueKind: JsonValueKind.Array } array
            ? [.. array.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()!)]
            : [];

    /// <summary>Elements of an array; none where it is of another kind.</summary>
    internal static IEnumerable<JsonElement> Items(this JsonElement json) => json.ValueKind == JsonValueKind.Array ? json.EnumerateArray() : [];
}
