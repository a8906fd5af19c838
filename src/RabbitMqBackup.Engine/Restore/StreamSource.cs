using System.Security.Cryptography;
using System.Text;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>The segments of a stream that are to be restored, over all backups of its chain, in the order of their offsets.</summary>
internal sealed class StreamSource
{
    private StreamSource(BackupStore? store, IReadOnlyList<(string BackupId, SegmentEntry Segment)> segments, IReadOnlyList<BackupMessage> messages, string publisher) =>
        (Store, Segments, Messages, Publisher) = (store, segments, messages, publisher);

    /// <summary>Where they lie; null where there are only messages.</summary>
    internal BackupStore? Store { get; }

    /// <summary>The segments, by offset.</summary>
    internal IReadOnlyList<(string BackupId, SegmentEntry Segment)> Segments { get; }

    /// <summary>Single messages in place of segments, in the order they came.</summary>
    internal IReadOnlyList<BackupMessage> Messages { get; }

    /// <summary>
    /// Name under which the messages are published, the same each time the same is restored: so the broker stores none of them twice. A backup and those that go on from it share it, as
    /// they hold the same stream. Empty for single messages: what comes down a pipeline may come in any order.
    /// </summary>
    internal string Publisher { get; }

    internal static StreamSource Of(SourceQueue source)
    {
        List<(string BackupId, SegmentEntry Segment)> segments =
            [.. source.Segments.Select(segment => (segment.BackupId, segment.Entry)).OrderBy(part => part.Entry.FirstOffset ?? 0)];
        if (segments.Count == 0)
        {
            return new StreamSource(source.Store, segments, source.Messages, "");
        }

        // A whole backup has the name of its chain, whatever was added to it since; a selection has one of its own.
        bool whole = source.Filter.IsEverything && source.Segments.Count(segment => segment.BackupId == source.BackupId) == source.Entry.Segments.Count;
        string selection = whole ? segments[0].BackupId : $"{string.Join('\n', segments.Select(part => part.Segment.Sha256))}\n{source.Filter}";
        byte[] digest = SHA256.HashData(Encoding.UTF8.GetBytes($"{selection}\n{source.Entry.VirtualHost}\n{source.Entry.Name}"));
        return new StreamSource(source.Store, segments, [], $"rabbitmq-backup-{Convert.ToHexString(digest.AsSpan(0, 16)).ToLowerInvariant()}");
    }
}
