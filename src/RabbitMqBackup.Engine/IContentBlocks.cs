namespace RabbitMqBackup.Engine;

/// <summary>
/// Content that lies in memory and whose SHA-256 was computed there. Who stores it can take its blocks as they are, and need not compute the hash once more: at the speed of a stream's log, copy and hash are what a
/// backup's processor time goes into.
/// </summary>
internal interface IContentBlocks
{
    /// <summary>The rest of the block at the position, which moves behind it; empty at the end.</summary>
    ReadOnlyMemory<byte> Take();
}
