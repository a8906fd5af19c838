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
        "metadata", "description", "default_queue_type", "limits", "tags",
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
        foreach (JsonProperty member in root.EnumerateObject())
        {
            if (DefinitionSchema.OfSection(member.Name) is { } schema)
            {
                ReadSection(schema, member.Value, objects, faults);
                continue;
            }

            header.Add(new(member.Name, member.Value));
            if (!KnownMembers.Contains(member.Name))
            {
                warnings.Add($"\"{member.Name}\" is not known in definitions; it is kept and not imported.");
            }
        }

        if (faults.Count > 0)
        {
            string more = faults.Count > MaxFaults ? $" (and {faults.Count - MaxFaults} more)" : "";
            throw Invalid(source, string.Join("; ", faults.Take(MaxFaults)) + more, null);
        }

        warnings.AddRange(objects.GroupBy(item => item.Key).Where(group => group.Count() > 1).Select(group => $"The {group.First()} stands there {group.Count()} times."));
        return new(header, objects, warnings);
    }

    private static JsonElement Parse(ReadOnlyMemory<byte> json, string source)
    {
        ReadOnlySpan<byte> mark = [0xEF, 0xBB, 0xBF];
        try
        {
            // Cloned, so that the elements don't hang on pooled memory.
            using JsonDocument document = JsonDocument.Parse(json.Span.StartsWith(mark) ? json[mark.Length..] : json);
            CheckTexts(document.RootElement);
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

    /// <summary>JSON is parsed without looking into its texts: one that can't be decoded would fail wherever it is first used.</summary>
    private static void CheckTexts(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                _ = element.GetString();
                break;
            case JsonValueKind.Array:
                foreach (JsonElement item in element.EnumerateArray())
                {
                    CheckTexts(item);
                }

                break;
            case JsonValueKind.Object:
                foreach (JsonProperty member in element.EnumerateObject())
                {
                    _ = member.Name;
                    CheckTexts(member.Value);
                }

                break;
        }
    }

    private static void ReadSection(DefinitionSchema schema, JsonElement section, List<DefinitionObject> objects, List<string> faults)
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
                string name = item.Text("name") is { } text ? $" ('{text}')" : "";
                faults.Add($"{schema.Section}[{index}]{name} {fault}");
            }
            else
            {
                objects.Add(schema.Create(item));
            }

            index++;
        }
    }

    private static RabbitBackupException Invalid(string source, string fault, Exception? inner) => new(ErrorCode.DefinitionInvalid, $"The definitions in {source}: {fault}.", inner)
    {
        Target = source,
        Hint = "Nothing was imported. Correct the file, or export it again.",
    };
}
