namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>What to read of a stream.</summary>
internal sealed record StreamReadOptions
{
    /// <summary>Where to begin. Default: the first chunk.</summary>
    public StreamStart Start { get; init; } = StreamStart.First;

    /// <summary>Offset of a chunk after which the reading ends even if more was committed meanwhile: a reading that goes on after a lost connection ends where the first one would have. Default: none.</summary>
    public ulong? EndChunk { get; init; }

    /// <summary>How far the stream reaches, by its leader. Default: as far as the node says that is read from.</summary>
    public StreamExtent? Extent { get; init; }

    /// <summary>Read on as messages are written, until <see cref="ChunkReader.Stop"/>. Default false: up to what is committed when the reading begins.</summary>
    public bool Follow { get; init; }

    /// <summary>How long a broker may send nothing although there is more to come. Default 60 s.</summary>
    public TimeSpan SilenceTimeout { get; init; } = TimeSpan.FromSeconds(60);
}
