namespace RabbitMqBackup.Engine.Catalog;

/// <summary>Builds a queue's row of a manifest, with its gaps and segments, from JSON.</summary>
internal static class QueueEntryReader
{
    internal static QueueEntry Read(ref JsonCursor json)
    {
        Dictionary<string, string> unknown = [];
        QueueEntry queue = new() { VirtualHost = "", Name = "", Type = "", UnknownFields = unknown };
        HashSet<string> seen = json.BeginObject();
        while (json.NextProperty(seen, out string name))
        {
            queue = name switch
            {
                "vhost" => queue with { VirtualHost = json.Text() },
                "name" => queue with { Name = json.Text() },
                "type" => queue with { Type = json.Text() },
                "durable" => queue with { Durable = json.Truth() },
                "auto_delete" => queue with { AutoDelete = json.Truth() },
                "exclusive" => queue with { Exclusive = json.Truth() },
                "arguments" => queue with { Arguments = ArgumentJson.ReadTable(ref json) },
                "policy" => queue with { Policy = json.TextOrNull() },
                "outcome" => queue with { Outcome = ManifestWords.Outcome(json.Text()) ?? throw json.Wrong("is no outcome of a queue") },
                "depth_at_start" => queue with { DepthAtStart = json.Whole() },
                "unacknowledged_at_start" => queue with { UnacknowledgedAtStart = json.Whole() },
                "messages" => queue with { Messages = json.Whole() },
                "bytes" => queue with { Bytes = json.Whole() },
                "read_by" => queue with { ReadBy = json.Text() },
                "released_by" => queue with { ReleasedBy = json.Text() },
                "highest_delivery_count" => queue with { HighestDeliveryCount = json.WholeOrNull() },
                "verdict" => queue with { Verdict = json.Text() },
                "verdict_reasons" => queue with { VerdictReasons = ReadTexts(ref json) },
                "error_code" => queue with { ErrorCode = json.TextOrNull() },
                "reason" => queue with { Reason = json.TextOrNull() },
                "gaps" => queue with { Gaps = ReadGaps(ref json) },
                "notes" => queue with { Notes = ReadTexts(ref json) },
                "segments" => queue with { Segments = ReadSegments(ref json) },
                "stream" => queue with { Stream = StreamEntryJson.Read(ref json) },
                _ => Keep(ref json, unknown, name, queue),
            };
        }

        ManifestReader.Demand(ref json, seen, "vhost", "name", "type", "durable", "auto_delete", "exclusive", "arguments", "outcome", "depth_at_start", "messages", "bytes", "gaps", "segments");
        return queue;
    }

    internal static List<string> ReadTexts(ref JsonCursor json)
    {
        List<string> texts = [];
        json.BeginArray();
        while (json.NextItem())
        {
            texts.Add(json.Text());
        }

        return texts;
    }

    private static List<GapEntry> ReadGaps(ref JsonCursor json)
    {
        List<GapEntry> gaps = [];
        json.BeginArray();
        while (json.NextItem())
        {
            Dictionary<string, string> unknown = [];
            GapEntry gap = new(null, "", "") { UnknownFields = unknown };
            HashSet<string> seen = json.BeginObject();
            while (json.NextProperty(seen, out string name))
            {
                gap = name switch
                {
                    "messages" => gap with { Messages = json.WholeOrNull() },
                    "code" => gap with { Code = json.Text() },
                    "reason" => gap with { Reason = json.Text() },
                    "first_offset" => gap with { FirstOffset = json.WholeOrNull() },
                    "last_offset" => gap with { LastOffset = json.WholeOrNull() },
                    _ => Keep(ref json, unknown, name, gap),
                };
            }

            ManifestReader.Demand(ref json, seen, "messages", "code", "reason");
            gaps.Add(gap);
        }

        return gaps;
    }

    private static List<SegmentEntry> ReadSegments(ref JsonCursor json)
    {
        List<SegmentEntry> segments = [];
        json.BeginArray();
        while (json.NextItem())
        {
            segments.Add(ReadSegment(ref json));
        }

        return segments;
    }

    internal static SegmentEntry ReadSegment(ref JsonCursor json)
    {
        Dictionary<string, string> unknown = [];
        SegmentEntry segment = new() { Key = "", Sha256 = "", UnknownFields = unknown };
        HashSet<string> seen = json.BeginObject();
        while (json.NextProperty(seen, out string name))
        {
            segment = name switch
            {
                "key" => segment with { Key = json.Text() },
                "records" => segment with { Records = json.Whole() },
                "first_time" => segment with { FirstTime = json.Time() },
                "last_time" => segment with { LastTime = json.Time() },
                "times_go_back" => segment with { TimesGoBack = json.Truth() },
                "first_offset" => segment with { FirstOffset = json.WholeOrNull() },
                "last_offset" => segment with { LastOffset = json.WholeOrNull() },
                "uncompressed_bytes" => segment with { UncompressedBytes = json.Whole() },
                "stored_bytes" => segment with { StoredBytes = json.Whole() },
                "sha256" => segment with { Sha256 = json.Text() },
                _ => Keep(ref json, unknown, name, segment),
            };
        }

        ManifestReader.Demand(ref json, seen, "key", "records", "first_time", "last_time", "uncompressed_bytes", "stored_bytes", "sha256");
        return segment;
    }

    private static T Keep<T>(ref JsonCursor json, Dictionary<string, string> unknown, string name, T entry)
    {
        unknown[name] = json.Raw();
        return entry;
    }
}
