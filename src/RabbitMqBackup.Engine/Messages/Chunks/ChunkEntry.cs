namespace RabbitMqBackup.Engine.Messages.Chunks;

/// <summary>One entry of a chunk's data: a message, or a batch of them. It borrows the chunk's memory.</summary>
internal readonly ref struct ChunkEntry
{
    /// <summary>Offset of its first message.</summary>
    internal required ulong FirstOffset { get; init; }

    /// <summary>Messages in it: 1, or what the batch claims.</summary>
    internal required ushort Records { get; init; }

    /// <summary>True for a batch.</summary>
    internal required bool IsBatch { get; init; }

    /// <summary>A batch's compression.</summary>
    internal BatchCodec Codec { get; init; }

    /// <summary>A batch's size before compression, as it claims.</summary>
    internal uint UncompressedLength { get; init; }

    /// <summary>False for a batch whose header RabbitMQ 4.3 would refuse; older brokers have stored such.</summary>
    internal bool IsWellFormed => !IsBatch
        || (Codec <= BatchCodec.Zstd && UncompressedLength <= BatchCompression.MaxUncompressed && Records > 0 && Records * 4u <= UncompressedLength);

    /// <summary>The message, or the batch's stored bytes.</summary>
    internal required ReadOnlySpan<byte> Payload { get; init; }

    /// <summary>The entry as it lies in the chunk; the same bytes publish it.</summary>
    internal required ReadOnlySpan<byte> Wire { get; init; }
}
