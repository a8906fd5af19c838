namespace RabbitMqBackup.Engine.Format;

/// <summary>A record read from a segment. Its memory belongs to the reader and is valid until the next <see cref="SegmentReader.TryRead"/>.</summary>
internal readonly struct SegmentRecord
{
    /// <summary>Which of the members below are set.</summary>
    public SegmentRecordKind Kind { get; init; }

    /// <summary>Message: capture time; chunk: the chunk's timestamp. Ms since 1970 UTC.</summary>
    public long CapturedAt { get; init; }

    /// <summary>Messages in it: 1 for a message.</summary>
    public int Messages { get; init; }

    /// <summary>Message: the broker's redelivered flag when it was captured.</summary>
    public bool Redelivered { get; init; }

    /// <summary>Message: the exchange it was published to.</summary>
    public ReadOnlyMemory<byte> Exchange { get; init; }

    /// <summary>Message: its routing key.</summary>
    public ReadOnlyMemory<byte> RoutingKey { get; init; }

    /// <summary>Message: its property list as on the wire of AMQP 0-9-1.</summary>
    public ReadOnlyMemory<byte> Properties { get; init; }

    /// <summary>Message: its body.</summary>
    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>Chunk: offset of its first message.</summary>
    public long FirstOffset { get; init; }

    /// <summary>Chunk: its epoch.</summary>
    public long Epoch { get; init; }

    /// <summary>Chunk: how many entries.</summary>
    public int EntryCount { get; init; }

    /// <summary>Chunk: the entries as they came, checked: <see cref="Messages.Chunks.ChunkEntryReader"/> walks them.</summary>
    public ReadOnlyMemory<byte> Entries { get; init; }
}
