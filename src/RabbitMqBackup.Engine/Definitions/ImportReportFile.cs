using System.Text.Json;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>
/// The report of an import as JSON, so that it can be taken back later and elsewhere: <c>{ "rabbitmq_import": 1, "target", "created_at" (ms since 1970), "items": [ { "outcome", "kind" (section of
/// definitions), "reason", "object" } ], "snapshot": the target's definitions before }</c>. It holds password hashes, as definitions do.
/// </summary>
public static class ImportReportFile
{
    private const int Version = 1;
    private const string Mark = "rabbitmq_import";

    /// <summary>Writes.</summary>
    public static byte[] Write(ImportReport report)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream))
        {
            json.WriteStartObject();
            json.WriteNumber(Mark, Version);
            json.WriteString("target", report.Target);
            json.WriteNumber("created_at", report.CreatedAt.ToUnixTimeMilliseconds());
            json.WriteStartArray("items");
            foreach (ImportItem item in report.Items)
            {
                json.WriteStartObject();
                json.WriteString("outcome", item.Outcome.ToString());
                json.WriteString("kind", DefinitionSchema.Of(item.Kind).Section);
                json.WriteString("reason", item.Reason);
                json.WritePropertyName("object");
                json.WriteRawValue(item.Definition.ToJson());
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WritePropertyName("snapshot");
            json.WriteRawValue(report.Snapshot.ToJson());
            json.WriteEndObject();
        }

        return stream.ToArray();
    }

    /// <summary>Reads.</summary>
    /// <param name="json">What <see cref="Write"/> gave.</param>
    /// <param name="source">Where it comes from, for messages.</param>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.DefinitionInvalid"/>, <see cref="ErrorCode.FormatTooNew"/>.</exception>
    public static ImportReport Read(ReadOnlyMemory<byte> json, string source)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            JsonElement root = document.RootElement.Clone();
            if (root.Integer(Mark) is not { } version)
            {
                throw Wrong(source, "it has no mark of one", null);
            }

            if (version > Version)
            {
                throw new RabbitBackupException(ErrorCode.FormatTooNew, $"{source} was written by a newer version of this module.") { Target = source };
            }

            JsonElement snapshot = root.Member("snapshot");
            if (snapshot.ValueKind != JsonValueKind.Object)
            {
                throw Wrong(source, "it has no snapshot", null);
            }

            DefinitionsDocument before = DefinitionsReader.Read(JsonSerializer.SerializeToUtf8Bytes(snapshot), source);
            List<ImportItem> items = [.. root.Member("items").Items().Select((item, index) => Item(item, index, source))];
            HashSet<DefinitionKey> known = [.. before.Objects.Select(item => item.Key)];
            if (items.Find(item => item.Outcome is ImportOutcome.Changed && !known.Contains(item.Definition.Key)) is { } lost)
            {
                throw Wrong(source, $"its snapshot lacks the {lost.Object}, which was changed", null);
            }

            return new()
            {
                Target = root.Text("target") ?? "",
                CreatedAt = DateTimeOffset.FromUnixTimeMilliseconds(root.Integer("created_at") ?? 0),
                Items = items,
                Snapshot = before,
            };
        }
        catch (Exception exception) when (exception is JsonException or ArgumentOutOfRangeException)
        {
            throw Wrong(source, "it is damaged", exception);
        }
    }

    private static ImportItem Item(JsonElement item, int index, string source)
    {
        JsonElement definition = item.Member("object");
        return DefinitionSchema.OfSection(item.Text("kind") ?? "") is { } schema && Enum.TryParse(item.Text("outcome"), out ImportOutcome outcome) && schema.Fault(definition) is null
            ? new() { Definition = schema.Create(definition), Outcome = outcome, Reason = item.Text("reason") ?? "" }
            : throw Wrong(source, $"items[{index}] can't be understood", null);
    }

    private static RabbitBackupException Wrong(string source, string what, Exception? inner) => new(ErrorCode.DefinitionInvalid, $"{source} is not the record of an import: {what}.", inner)
    {
        Target = source,
        Hint = "Give the file that Import-RabbitDefinitions -UndoPath wrote.",
    };
}
