using System.Collections;
using System.Globalization;
using System.Text.Json;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>
/// Queue arguments in JSON, so that each value comes back with its type: null, bool, long, double, string, lists and dictionaries. A number with a point or an
/// exponent is a double, any other a long; so a double is always written with one of the two.
/// </summary>
internal static class ArgumentJson
{
    /// <exception cref="ArgumentException">A value has another type, or is no finite number.</exception>
    internal static void Write(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case bool truth:
                json.WriteBooleanValue(truth);
                break;
            case long number:
                json.WriteNumberValue(number);
                break;
            case double number when double.IsFinite(number):
                string text = number.ToString("R", CultureInfo.InvariantCulture);
                json.WriteRawValue(text.AsSpan().IndexOfAny('.', 'E') < 0 ? text + ".0" : text);
                break;
            case string text1:
                json.WriteStringValue(text1);
                break;
            case IReadOnlyDictionary<string, object?> table:
                json.WriteStartObject();
                foreach ((string name, object? item) in table)
                {
                    json.WritePropertyName(name);
                    Write(json, item);
                }

                json.WriteEndObject();
                break;
            case IList list:
                json.WriteStartArray();
                foreach (object? item in list)
                {
                    Write(json, item);
                }

                json.WriteEndArray();
                break;
            default:
                throw new ArgumentException($"A queue argument of type {value.GetType().Name} with the value '{value}' has no place in a manifest.", nameof(value));
        }
    }

    /// <summary>Reads the value that the cursor stands on.</summary>
    internal static object? Read(ref JsonCursor json)
    {
        switch (json.Kind)
        {
            case JsonTokenType.Null:
                return null;
            case JsonTokenType.True:
                return true;
            case JsonTokenType.False:
                return false;
            case JsonTokenType.String:
                return json.Text();
            case JsonTokenType.Number:
                return json.Number();
            case JsonTokenType.StartArray:
                List<object?> list = [];
                while (json.NextItem())
                {
                    list.Add(Read(ref json));
                }

                return list;
            default:
                return ReadTable(ref json);
        }
    }

    /// <summary>Reads the object that the cursor stands on.</summary>
    internal static Dictionary<string, object?> ReadTable(ref JsonCursor json)
    {
        Dictionary<string, object?> table = new(StringComparer.Ordinal);
        HashSet<string> seen = json.BeginObject();
        while (json.NextProperty(seen, out string name))
        {
            table[name] = Read(ref json);
        }

        return table;
    }
}
