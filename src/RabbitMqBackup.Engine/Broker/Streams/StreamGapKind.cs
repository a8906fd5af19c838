namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>Why offsets are missing.</summary>
internal enum StreamGapKind
{
    /// <summary>Retention took them before or while the stream was read; the broker does not say so, the next chunk just begins later.</summary>
    Truncated,

    /// <summary>The chunk came with a wrong CRC.</summary>
    Corrupt,
}
