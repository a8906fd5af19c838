using System.Buffers;

namespace RabbitMqBackup.Engine.Format;

/// <summary>
/// A run of entries of one stream chunk on its way into a segment: a whole chunk, or, where a chunk is large, one of the parts it was divided into
/// between entries.
/// It borrows its memory for the time of the call that takes it.
/// </summary>
internal readonly ref struct StreamChunkContent
{
    /// <summary>Offset of the first message in <see cref="Entries"/>.</summary>
    public long FirstOffset { get; init; }

    /// <summary>The chunk's timestamp, ms since 1970 UTC.</summary>
    public long Timestamp { get; init; }

    /// <summary>The chunk's epoch.</summary>
    public long Epoch { get; init; }

    /// <summary>How many entries.</summary>
    public int EntryCount { get; init; }

    /// <summary>How many messages the entries hold, batches included.</summary>
    public int MessageCount { get; init; }

    /// <summary>The entries as they came: single messages behind a u32 length, batches behind their own header, big-endian.</summary>
    public ReadOnlySequence<byte> Entries { get; init; }
}
