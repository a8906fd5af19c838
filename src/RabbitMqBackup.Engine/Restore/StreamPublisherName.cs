using System.Security.Cryptography;
using System.Text;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>Under which name a stream is published.</summary>
internal static class StreamPublisherName
{
    /// <summary>
    /// The name, the same each time the same is restored: so the broker stores no message of it twice. A backup and those that go on from it share it, as they hold the same stream. Empty for single
    /// messages: what comes down a pipeline may come in any order.
    /// </summary>
    internal static string Of(SourceQueue source)
    {
        if (source.Segments.Count == 0)
        {
            return "";
        }

        // A whole backup has the name of its chain, whatever is added to that later; a selection has one of its own, since under one name the broker takes only what lies behind what it has. An id alone
        // names no backup: once it is removed, another one may have it.
        SourceSegment first = source.Segments[0];
        string selection = source.IsWhole
            ? $"{first.BackupId} {first.Entry.FirstOffset} {first.Entry.FirstTime.ToUnixTimeMilliseconds()}"
            : $"{source.Filter} {source.FirstOrdinal} {source.EndOrdinal}\n{string.Join('\n', source.Segments.Select(segment => segment.Entry.Sha256))}";
        byte[] digest = SHA256.HashData(Encoding.UTF8.GetBytes($"{selection}\n{source.Entry.VirtualHost}\n{source.Entry.Name}"));
        return $"rabbitmq-backup-{Convert.ToHexString(digest.AsSpan(0, 16)).ToLowerInvariant()}";
    }
}
