using System.Text.Json;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>The stream's part of a queue's row in a manifest, as JSON; the fields stand in MANIFEST.md.</summary>
internal static class StreamEntryJson
{
    internal static void Write(Utf8JsonWriter json, StreamEntry stream)
    {
        json.WriteStartObject();
        ManifestJson.WriteNumber(json, "start_offset", stream.StartOffset);
        ManifestJson.WriteNumber(json, "last_offset", stream.LastOffset);
        ManifestJson.WriteNumber(json, "last_chunk_time", stream.LastChunkTime?.ToUnixTimeMilliseconds());
        ManifestJson.WriteNumber(json, "next_offset", stream.NextOffset);
        json.WriteStartObject("consumer_offsets");
        foreach ((string name, long offset) in stream.ConsumerOffsets)
        {
            json.WriteNumber(name, offset);
        }

        json.WriteEndObject();
        ManifestJson.WriteArray(json, "lost", stream.Lost, (writer, text) => writer.WriteStringValue(text));
        if (stream.SuperStream is { } super)
        {
            json.WriteStartObject("super_stream");
            json.WriteString("name", super.Name);
            json.WriteString("routing_key", super.RoutingKey);
            json.WriteNumber("order", super.Order);
            ManifestJson.WriteUnknown(json, super.UnknownFields);
            json.WriteEndObject();
        }

        ManifestJson.WriteUnknown(json, stream.UnknownFields);
        json.WriteEndObject();
    }

    /// <summary>Reads the object that the cursor stands on; null where it is null.</summary>
    internal static StreamEntry? Read(ref JsonCursor json)
    {
        if (json.Kind == JsonTokenType.Null)
        {
            return null;
        }

        Dictionary<string, string> unknown = [];
        StreamEntry stream = new() { UnknownFields = unknown };
        HashSet<string> seen = json.BeginObject();
        while (json.NextProperty(seen, out string name))
        {
            switch (name)
            {
                case "start_offset":
                    stream = stream with { StartOffset = json.WholeOrNull() };
                    break;
                case "last_offset":
                    stream = stream with { LastOffset = json.WholeOrNull() };
                    break;
                case "last_chunk_time":
                    stream = stream with { LastChunkTime = json.Kind == JsonTokenType.Null ? null : json.Time() };
                    break;
                case "next_offset":
                    stream = stream with { NextOffset = json.WholeOrNull() };
                    break;
                case "consumer_offsets":
                    stream = stream with { ConsumerOffsets = ReadOffsets(ref json) };
                    break;
                case "lost":
                    stream = stream with { Lost = QueueEntryReader.ReadTexts(ref json) };
                    break;
                case "super_stream":
                    stream = stream with { SuperStream = ReadSuperStream(ref json) };
                    break;
                default:
                    unknown[name] = json.Raw();
                    break;
            }
        }

        ManifestReader.Demand(ref json, seen, "start_offset", "last_offset", "next_offset");
        return stream;
    }

    private static Dictionary<string, long> ReadOffsets(ref JsonCursor json)
    {
        Dictionary<string, long> offsets = new(StringComparer.Ordinal);
        HashSet<string> seen = json.BeginObject();
        while (json.NextProperty(seen, out string name))
        {
            offsets[name] = json.Whole();
        }

        return offsets;
    }

    private static SuperStreamEntry? ReadSuperStream(ref JsonCursor json)
    {
        if (json.Kind == JsonTokenType.Null)
        {
            return null;
        }

        Dictionary<string, string> unknown = [];
        SuperStreamEntry super = new("", "", 0) { UnknownFields = unknown };
        HashSet<string> seen = json.BeginObject();
        while (json.NextProperty(seen, out string name))
        {
            switch (name)
            {
                case "name":
                    super = super with { Name = json.Text() };
                    break;
                case "routing_key":
                    super = super with { RoutingKey = json.Text() };
                    break;
                case "order":
                    super = super with { Order = json.Whole() };
                    break;
                default:
                    unknown[name] = json.Raw();
                    break;
            }
        }

        ManifestReader.Demand(ref json, seen, "name", "routing_key", "order");
        return super;
    }
}
