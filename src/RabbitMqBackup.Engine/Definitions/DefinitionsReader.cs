using System.Text;
using System.Text.Json;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>Reads RabbitMQ's definitions JSON. What can't be understood is an error with its place; what is not known is kept and warned of.</summary>
internal static class DefinitionsReader
{
    private const int MaxFaults = 10;

    // Written by a broker besides the objects, in some version between 3.8 and 4.3.
    private static readonly HashSet<string> KnownMembers =
    [
        "rabbit_version", "rabbitmq_version", "product_name", "product_version", "rabbitmq_definition_format", "original_cluster_name", "original_vhost_name", "explanation",
        "metadata", "description", "default_queue_type", "limits", "tags", "feature_flags",
    ];

    internal static DefinitionsDocument Read(ReadOnlyMemory<byte> json, string source)
    {
        JsonElement root = Parse(json, source);
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw Invalid(source, $"must be an object, not {DefinitionSchema.Spell(root)}", null);
        }

        List<KeyValuePair<string, JsonElement>> header = [];
        List<DefinitionObject> objects = [];
        List<string> faults = [];
        List<string> warnings = [];
        Dictionary<string, (string Place, int Count)> unknown = [];
        foreach (JsonProperty member in root.EnumerateObject())
        {
            if (DefinitionSchema.OfSection(member.Name) is { } schema)
            {
                ReadSection(schema, member.Value, objects, faults, unknown);
                continue;
            }

            header.Add(new(member.Name, member.Value));
            if (!KnownMembers.Contains(member.Name))
            {
                warnings.Add($"\"{member.Name}\" is not known in definitions; it is kept and not imported.");
            }
        }

        if (!root.EnumerateObject().Any(member => DefinitionSchema.OfSection(member.Name) is not null))
        {
            warnings.Add("There are no definitions in it: it has none of their lists, such as \"queues\".");
        }

        faults.AddRange(Homeless(objects));
        if (faults.Count > 0)
        {
            string more = faults.Count > MaxFaults ? $" (and {faults.Count - MaxFaults} more)" : "";
            throw Invalid(source, string.Join("; ", faults.Take(MaxFaults)) + more, null);
        }

        warnings.AddRange(unknown.Select(field => $"{field.Value.Place} has \"{field.Key[(field.Key.IndexOf(' ') + 1)..]}\", which is not known in definitions"
            + $"{(field.Value.Count > 1 ? $" (as {field.Value.Count - 1} more have)" : "")}: brokers ignore it. Is it misspelt?"));
        warnings.AddRange(objects.GroupBy(item => item.Key).Where(group => group.Count() > 1).Select(group => $"The {group.First()} stands there {group.Count()} times."));
        return new(header, objects, warnings);
    }

    private static JsonElement Parse(ReadOnlyMemory<byte> json, string source)
    {
        ReadOnlyMemory<byte> text = Utf8(json);
        if (text.IsEmpty)
        {
            throw Invalid(source, "the file is empty", null);
        }

        try
        {
            // Cloned, so that the elements don't hang on pooled memory.
            using JsonDocument document = JsonDocument.Parse(text);
            if (Fault(document.RootElement) is { } fault)
            {
                throw Invalid(source, fault.TrimStart('.', ' '), null);
            }

            return document.RootElement.Clone();
        }
        catch (InvalidOperationException exception)
        {
            throw Invalid(source, "holds a text that is not UTF-8, or half of a character's escape", exception);
        }
        catch (JsonException exception)
        {
            throw Invalid(source, $"is not JSON: line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}", exception);
        }
    }

    /// <summary>Without a byte order mark; and from UTF-16, which Windows PowerShell writes where it redirects.</summary>
    private static ReadOnlyMemory<byte> Utf8(ReadOnlyMemory<byte> json) => json.Span switch
    {
        [0xEF, 0xBB, 0xBF, ..] => json[3..],
        [0xFF, 0xFE, ..] => Encoding.UTF8.GetBytes(Encoding.Unicode.GetString(json.Span[2..])),
        [0xFE, 0xFF, ..] => Encoding.UTF8.GetBytes(Encoding.BigEndianUnicode.GetString(json.Span[2..])),
        _ => json,
    };

    /// <summary>
    /// What can't be understood although it is JSON, with its place; null where there is nothing. JSON is parsed without looking into its texts: one that can't be decoded would fail wherever it is first
    /// used. And of two members of one name each reader would take another.
    /// </summary>
    /// <exception cref="InvalidOperationException">A text can't be decoded.</exception>
    private static string? Fault(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                _ = element.GetString();
                break;
            case JsonValueKind.Array:
                int index = 0;
                foreach (JsonElement item in element.EnumerateArray())
                {
                    if (Fault(item) is { } fault)
                    {
                        return $"[{index}]{fault}";
                    }

                    index++;
                }

                break;
            case JsonValueKind.Object:
                HashSet<string> names = [];
                foreach (JsonProperty member in element.EnumerateObject())
                {
                    if (!names.Add(member.Name))
                    {
                        return $" has \"{member.Name}\" twice";
                    }

                    if (Fault(member.Value) is { } fault)
                    {
                        return $".{member.Name}{fault}";
                    }
                }

                break;
        }

        return null;
    }

    private static void ReadSection(DefinitionSchema schema, JsonElement section, List<DefinitionObject> objects, List<string> faults, Dictionary<string, (string Place, int Count)> unknown)
    {
        if (section.ValueKind != JsonValueKind.Array)
        {
            faults.Add($"\"{schema.Section}\" must be a list, not {DefinitionSchema.Spell(section)}");
            return;
        }

        int index = 0;
        foreach (JsonElement item in section.EnumerateArray())
        {
            if (schema.Fault(item) is { } fault)
            {
                faults.Add($"{Place()} {fault}");
            }
            else
            {
                objects.Add(schema.Create(item));
                foreach (JsonProperty field in item.EnumerateObject().Where(field => !schema.Knows(field.Name)))
                {
                    string key = $"{schema.Section} {field.Name}";
                    unknown[key] = unknown.TryGetValue(key, out (string Place, int Count) seen) ? seen with { Count = seen.Count + 1 } : (Place(), 1);
                }
            }

            index++;

            string Place() => $"{schema.Section}[{index}]{(item.Text("name") is { } name ? $" ('{name}')" : "")}";
        }
    }

    /// <summary>
    /// Objects without a virtual host in a file that has them for others. A file of one virtual host names it nowhere (3.10: in policies and parameters alone), and has no users.
    /// </summary>
    private static IEnumerable<string> Homeless(List<DefinitionObject> objects) =>
        objects.Exists(item => item is not (PolicyDefinition or ParameterDefinition) && item.VirtualHost is not null) || objects.Exists(item => item is UserDefinition)
            ? objects.Where(DefinitionsDocument.LacksVirtualHost).Select(item => $"the {item} lacks \"vhost\"")
            : [];

    private static RabbitBackupException Invalid(string source, string fault, Exception? inner) => new(ErrorCode.DefinitionInvalid, $"The definitions in {source}: {fault}.", inner)
    {
        Target = source,
        Hint = "Nothing was imported. Correct the file, or export it again.",
    };
}
