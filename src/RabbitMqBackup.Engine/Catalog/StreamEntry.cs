namespace RabbitMqBackup.Engine.Catalog;

/// <summary>What a manifest tells of a stream beyond what it tells of any queue.</summary>
public sealed record StreamEntry
{
    /// <summary>
    /// The offset that this backup set out to begin at, since the one it is based on ends there; null where it begins at the stream's first message and needs no other backup.
    /// </summary>
    public long? StartOffset { get; init; }

    /// <summary>Offset of the last message captured, here or in the backups before; null where there is none yet.</summary>
    public long? LastOffset { get; init; }

    /// <summary>Time of the chunk that holds <see cref="LastOffset"/>: another one there means another stream.</summary>
    public DateTimeOffset? LastChunkTime { get; init; }

    /// <summary>Where an incremental backup goes on: after the last chunk seen, stored offsets included; null where nothing was there yet.</summary>
    public long? NextOffset { get; init; }

    /// <summary>Offsets that consumers have stored in the stream, by their names.</summary>
    public IReadOnlyDictionary<string, long> ConsumerOffsets { get; init; } = new Dictionary<string, long>();

    /// <summary>What the way in which it was read has not preserved, for people; empty where every entry is as it lies in the stream.</summary>
    public IReadOnlyList<string> Lost { get; init; } = [];

    /// <summary>The super stream that it is a partition of, or null.</summary>
    public SuperStreamEntry? SuperStream { get; init; }

    /// <summary>Fields of a newer minor format, kept as raw JSON by name.</summary>
    internal IReadOnlyDictionary<string, string> UnknownFields { get; init; } = new Dictionary<string, string>();
}
