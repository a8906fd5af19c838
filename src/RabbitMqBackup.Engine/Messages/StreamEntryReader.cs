namespace RabbitMqBackup.Engine.Messages;

/// <summary>Walks the entries of a stream's chunk (RabbitMQ stream protocol, integers big-endian), from where they are: nothing is copied or decompressed.</summary>
internal ref struct StreamEntryReader
{
    /// <summary>Walks entries.</summary>
    /// <param name="entries">The entries as they came.</param>
    /// <param name="firstOffset">Offset of the first message.</param>
    internal StreamEntryReader(ReadOnlySpan<byte> entries, long firstOffset) => throw new NotImplementedException();

    /// <summary>The next entry; false at the end.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>, with the position.</exception>
    internal bool TryRead(out StreamEntry entry) => throw new NotImplementedException();
}
