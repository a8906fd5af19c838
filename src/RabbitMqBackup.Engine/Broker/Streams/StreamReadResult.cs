namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>What a reading has seen so far.</summary>
internal sealed record StreamReadResult
{
    /// <summary>Offset of the first message handed on, or null where there was none.</summary>
    public long? FirstOffset { get; init; }

    /// <summary>Offset of the last message handed on in a complete and intact chunk.</summary>
    public long? LastOffset { get; init; }

    /// <summary>Where another reading continues: after the last complete chunk, tracking chunks included. Null where nothing was read.</summary>
    public long? NextOffset { get; init; }

    /// <summary>Messages in intact chunks, by their headers.</summary>
    public long Messages { get; init; }

    /// <summary>Chunks with messages.</summary>
    public long Chunks { get; init; }

    /// <summary>Chunks with stored offsets, each of which takes an offset of the stream.</summary>
    public long TrackingChunks { get; init; }

    /// <summary>Bytes of the messages' chunks, without headers.</summary>
    public long Bytes { get; init; }

    /// <summary>What is missing, ascending.</summary>
    public IReadOnlyList<StreamGap> Gaps { get; init; } = [];

    /// <summary>
    /// The stream is shorter than the offset that the reading was to begin at: it was deleted and created anew since, and an incremental reading makes no sense.
    /// A new stream that has outgrown the offset does not show it here.
    /// </summary>
    public bool EndsBeforeStart { get; init; }

    /// <summary>Consumers' stored offsets by name, as far as the chunks read tell.</summary>
    public IReadOnlyDictionary<string, long> ConsumerOffsets { get; init; } = new Dictionary<string, long>();
}
