namespace RabbitMqBackup.Engine.Messages;

/// <summary>One entry of a stream's chunk: a message, or a batch of them in one (mostly compressed) piece.</summary>
internal readonly ref struct StreamEntry
{
    /// <summary>Offset of its first message.</summary>
    public long Offset { get; init; }

    /// <summary>Messages in it: 1 unless it is a batch.</summary>
    public int Messages { get; init; }

    /// <summary>A batch's first byte: top bit set, then 3 bits of codec (0 none, 1 gzip, 2 snappy, 3 LZ4, 4 zstd); 0 for a single message.</summary>
    public byte BatchType { get; init; }

    /// <summary>A batch's size after decompression, as its writer stated it; 0 for a single message.</summary>
    public uint UncompressedBytes { get; init; }

    /// <summary>The message, AMQP 1.0 encoded; or the batch's data as stored, which decompresses to (u32 length, message)*.</summary>
    public ReadOnlySpan<byte> Data { get; init; }

    /// <summary>The whole entry with its prefix, as it came.</summary>
    public ReadOnlySpan<byte> Raw { get; init; }

    /// <summary>Whether it is a batch.</summary>
    public bool IsBatch => BatchType != 0;
}
