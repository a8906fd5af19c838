namespace RabbitMqBackup.Engine.Catalog;

/// <summary>Builds a manifest from its JSON. What the rules need is demanded here or in <see cref="ManifestRules"/>; names that it does not know are kept.</summary>
internal static class ManifestReader
{
    internal static BackupManifest Read(ref JsonCursor json)
    {
        Dictionary<string, string> unknown = [];
        BackupManifest manifest = new() { BackupId = "", UnknownFields = unknown };
        long messages = 0, bytes = 0, segments = 0;
        HashSet<string> seen = json.BeginObject();
        while (json.NextProperty(seen, out string name))
        {
            switch (name)
            {
                case "format_version":
                    _ = ManifestJson.Major(json.Text()) == ManifestJson.FormatMajor ? true : throw json.Wrong("is no version of this format");
                    break;
                case "backup_id":
                    manifest = manifest with { BackupId = json.Text() };
                    break;
                case "status":
                    manifest = manifest with { Status = ManifestWords.Status(json.Text()) ?? throw json.Wrong("is neither complete nor partial") };
                    break;
                case "created_at":
                    manifest = manifest with { CreatedAt = json.Time() };
                    break;
                case "completed_at":
                    manifest = manifest with { CompletedAt = json.Time() };
                    break;
                case "source_cluster":
                    manifest = manifest with { SourceCluster = json.Text() };
                    break;
                case "rabbitmq_version":
                    manifest = manifest with { RabbitMqVersion = json.Text() };
                    break;
                case "backup_tool_version":
                    manifest = manifest with { BackupToolVersion = json.Text() };
                    break;
                case "based_on":
                    manifest = manifest with { BasedOn = json.TextOrNull() };
                    break;
                case "total_messages":
                    messages = json.Whole();
                    break;
                case "total_bytes":
                    bytes = json.Whole();
                    break;
                case "total_segments":
                    segments = json.Whole();
                    break;
                case "definitions":
                    manifest = manifest with { Definitions = json.Kind == System.Text.Json.JsonTokenType.Null ? null : ReadDefinitions(ref json) };
                    break;
                case "queues":
                    manifest = manifest with { Queues = ReadQueues(ref json) };
                    break;
                case "checksum":
                    _ = json.Text();
                    break;
                default:
                    unknown[name] = json.Raw();
                    break;
            }
        }

        Demand(ref json, seen, "format_version", "backup_id", "status", "created_at", "completed_at", "source_cluster", "rabbitmq_version", "backup_tool_version", "total_messages", "total_bytes", "total_segments", "definitions", "queues");
        json.End();
        CheckTotals(ref json, manifest, messages, bytes, segments);
        return manifest;
    }

    /// <summary>Adds up in 128 bits: after this the sums in <see cref="BackupManifest"/> can't overflow.</summary>
    private static void CheckTotals(ref JsonCursor json, BackupManifest manifest, long messages, long bytes, long segments)
    {
        (Int128 Messages, Int128 Bytes, long Segments) sum = default;
        foreach (QueueEntry queue in manifest.Queues)
        {
            sum = (sum.Messages + queue.Messages, sum.Bytes + queue.Bytes, sum.Segments + queue.Segments.Count);
        }

        if (sum != (messages, bytes, segments))
        {
            throw json.Wrong($"says {messages} messages, {bytes} bytes and {segments} segments in total, but its queues have {sum.Messages}, {sum.Bytes} and {sum.Segments}");
        }
    }

    internal static DefinitionsEntry ReadDefinitions(ref JsonCursor json)
    {
        Dictionary<string, string> unknown = [];
        (string key, long stored, string sha256) = ("", 0, "");
        HashSet<string> seen = json.BeginObject();
        while (json.NextProperty(seen, out string name))
        {
            switch (name)
            {
                case "key":
                    key = json.Text();
                    break;
                case "stored_bytes":
                    stored = json.Whole();
                    break;
                case "sha256":
                    sha256 = json.Text();
                    break;
                default:
                    unknown[name] = json.Raw();
                    break;
            }
        }

        Demand(ref json, seen, "key", "stored_bytes", "sha256");
        return new DefinitionsEntry(key, stored, sha256) { UnknownFields = unknown };
    }

    private static List<QueueEntry> ReadQueues(ref JsonCursor json)
    {
        List<QueueEntry> queues = [];
        json.BeginArray();
        while (json.NextItem())
        {
            queues.Add(QueueEntryReader.Read(ref json));
        }

        return queues;
    }

    internal static void Demand(ref JsonCursor json, HashSet<string> seen, params string[] names)
    {
        foreach (string name in names)
        {
            if (!seen.Contains(name))
            {
                throw json.Missing(name);
            }
        }
    }
}
