namespace RabbitMqBackup.Engine.Messages.Chunks;

/// <summary>How a batch of messages inside a chunk is compressed: three bits on the wire.</summary>
internal enum BatchCodec : byte
{
    /// <summary>Not at all.</summary>
    None = 0,

    /// <summary>RFC 1952.</summary>
    Gzip = 1,

    /// <summary>Snappy's framing format, as the Java, Go and Rust clients write it, or one raw block.</summary>
    Snappy = 2,

    /// <summary>LZ4's frame format.</summary>
    Lz4 = 3,

    /// <summary>Zstandard frames.</summary>
    Zstd = 4,
}
