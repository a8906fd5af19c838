namespace RabbitMqBackup.Engine.Messages.Chunks;

/// <summary>What a chunk of a stream holds.</summary>
internal enum ChunkType : byte
{
    /// <summary>Messages.</summary>
    User = 0,

    /// <summary>Offsets that consumers have stored since the last snapshot.</summary>
    TrackingDelta = 1,

    /// <summary>All stored offsets and publisher sequences, at the beginning of a segment.</summary>
    TrackingSnapshot = 2,
}
