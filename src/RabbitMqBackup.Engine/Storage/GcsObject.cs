using System.Globalization;
using System.Text.Json;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>An object as the JSON API describes it.</summary>
internal sealed record GcsObject(string Name, long Size, DateTimeOffset Updated, string Generation, string Crc32C, string? Mark)
{
    /// <summary>Name of the metadata that tells one put from another with the same content.</summary>
    internal const string PutMark = "rabbitmqbackup-put";

    /// <summary>The fields that are asked for.</summary>
    internal const string Fields = "name,size,updated,generation,crc32c,metadata";

    internal static GcsObject Parse(JsonElement json) => new(
        Text(json, "name") ?? "",
        long.TryParse(Text(json, "size"), NumberStyles.None, CultureInfo.InvariantCulture, out long size) ? size : 0,
        DateTimeOffset.TryParse(Text(json, "updated"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset updated) ? updated : DateTimeOffset.UnixEpoch,
        Text(json, "generation") ?? "",
        Text(json, "crc32c") ?? "",
        json.TryGetProperty("metadata", out JsonElement metadata) ? Text(metadata, PutMark) : null);

    internal ObjectInfo Info(ObjectPath path) => new(path, Size, Updated, Generation);

    private static string? Text(JsonElement json, string name) => json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
