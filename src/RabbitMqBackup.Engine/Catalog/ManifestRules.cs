using System.Text;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>What must hold in every manifest, on its way out and in: a manifest that breaks a rule is neither written nor believed.</summary>
internal static class ManifestRules
{
    /// <summary>Names in AMQP are short strings.</summary>
    private const int MaxNameBytes = 255;

    /// <summary>The first rule that the manifest breaks, or null. It is safe on hostile numbers.</summary>
    internal static string? Complaint(BackupManifest manifest)
    {
        if (!BackupId.IsValid(manifest.BackupId))
        {
            return $"'{manifest.BackupId}' can't be a backup id";
        }

        if (manifest.Status == BackupStatus.InProgress || manifest.CompletedAt is null)
        {
            return "a manifest belongs to a backup that has ended, and says when";
        }

        if (manifest.BasedOn is { } basedOn && (!BackupId.IsValid(basedOn) || basedOn == manifest.BackupId))
        {
            return $"'{basedOn}' can't be the backup that it is based on";
        }

        HashSet<string> keys = new(StringComparer.Ordinal);
        if (manifest.Definitions is { } definitions && (DefinitionsComplaint(definitions) ?? KeyComplaint(manifest.BackupId, definitions.Key, "definitions/", keys)) is { } wrong)
        {
            return wrong;
        }

        HashSet<(string, string)> names = [];
        foreach (QueueEntry queue in manifest.Queues)
        {
            string? complaint = names.Add((queue.VirtualHost, queue.Name)) ? QueueComplaint(manifest, queue, keys) : "is listed twice";
            if (complaint is not null)
            {
                return $"queue '{queue.Name}' in '{queue.VirtualHost}': {complaint}";
            }
        }

        return null;
    }

    /// <summary>What is wrong with a queue's row by itself, or null.</summary>
    internal static string? Complaint(QueueEntry queue) => QueueComplaint(new BackupManifest { BackupId = "row", Status = BackupStatus.Partial, BasedOn = "any" }, queue, new(StringComparer.Ordinal));

    /// <summary>What is wrong with a segment's row by itself, or null.</summary>
    internal static string? Complaint(SegmentEntry segment) => KeyComplaint("row", segment.Key, "queues/", new(StringComparer.Ordinal)) ?? SegmentComplaint(segment);

    /// <summary>What is wrong with the definitions' row by itself, or null.</summary>
    internal static string? Complaint(DefinitionsEntry definitions) => KeyComplaint("row", definitions.Key, "definitions/", new(StringComparer.Ordinal)) ?? DefinitionsComplaint(definitions);

    private static string? QueueComplaint(BackupManifest manifest, QueueEntry queue, HashSet<string> keys)
    {
        if (Encoding.UTF8.GetByteCount(queue.Name) > MaxNameBytes || Encoding.UTF8.GetByteCount(queue.VirtualHost) > MaxNameBytes)
        {
            return $"its name is longer than {MaxNameBytes} bytes";
        }

        if (manifest.Status == BackupStatus.Complete && queue.Outcome is QueueOutcome.Incomplete or QueueOutcome.Failed)
        {
            return "was not captured, so that the backup is not complete";
        }

        if (queue.DepthAtStart < 0 || queue.UnacknowledgedAtStart < 0 || queue.Messages < 0 || queue.Bytes < 0 || queue.HighestDeliveryCount < 0 || queue.Gaps.Any(gap => gap.Messages < 0))
        {
            return "a count is negative";
        }

        if (queue.Stream?.StartOffset is not null && manifest.BasedOn is null)
        {
            return "it goes on from another backup, and none is named";
        }

        if (queue.Stream is { } stream && StreamComplaint(stream) is { } wrong)
        {
            return wrong;
        }

        Int128 records = 0;
        foreach (SegmentEntry segment in queue.Segments)
        {
            if ((KeyComplaint(manifest.BackupId, segment.Key, "queues/", keys) ?? SegmentComplaint(segment)) is { } complaint)
            {
                return complaint;
            }

            records += segment.Records;
        }

        return records == queue.Messages ? null : $"its segments hold {records} messages, not {queue.Messages}";
    }

    private static string? SegmentComplaint(SegmentEntry segment)
    {
        if (segment.Records < 0 || segment.UncompressedBytes < 0 || segment.StoredBytes < 0)
        {
            return $"segment '{segment.Key}': a count is negative";
        }

        if (segment.FirstOffset is null != segment.LastOffset is null || segment.FirstOffset < 0 || segment.FirstOffset > segment.LastOffset)
        {
            return $"segment '{segment.Key}': its offsets are no range";
        }

        return IsSha256(segment.Sha256) ? null : $"segment '{segment.Key}': its SHA-256 is none";
    }

    private static string? StreamComplaint(StreamEntry stream) =>
        stream.StartOffset < 0 || stream.LastOffset < 0 || stream.NextOffset < 0 || stream.ConsumerOffsets.Values.Any(offset => offset < 0) || stream.LastOffset >= (stream.NextOffset ?? 0)
            ? "the offsets of its stream are impossible"
            : null;

    private static string? DefinitionsComplaint(DefinitionsEntry definitions) =>
        definitions.StoredBytes < 0 ? "the definitions have a negative length" : IsSha256(definitions.Sha256) ? null : "the definitions' SHA-256 is none";

    /// <summary>A key must be a path that stays in its part of the backup's folder, and no two may be the same.</summary>
    private static string? KeyComplaint(string backupId, string key, string folder, HashSet<string> keys)
    {
        if (!key.StartsWith(folder, StringComparison.Ordinal) || !ObjectPath.TryParse($"{backupId}/{key}", out _))
        {
            return $"'{key}' is no object below {folder}";
        }

        return keys.Add(key) ? null : $"'{key}' is listed twice";
    }

    private static bool IsSha256(string text) => text.Length == 64 && text.All(c => char.IsAsciiDigit(c) || c is >= 'a' and <= 'f');
}
