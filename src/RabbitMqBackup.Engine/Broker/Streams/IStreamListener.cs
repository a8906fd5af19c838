using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>
/// Takes what a broker sends without being asked. All calls come from the connection's receive loop, one after the other; spans are borrowed for the time of the call.
/// An exception out of a call ends the connection, and comes out of whoever waits on it.
/// </summary>
internal interface IStreamListener
{
    /// <summary>A chunk begins.</summary>
    void OnChunk(byte subscription, in ChunkHeader header)
    {
    }

    /// <summary>The next piece of its data.</summary>
    void OnChunkData(ReadOnlySpan<byte> data)
    {
    }

    /// <summary>The chunk has ended; <paramref name="intact"/> is false where its CRC does not match.</summary>
    void OnChunkEnd(bool intact)
    {
    }

    /// <summary>Called after each piece of input: nothing more is read until it completes, so that a slow listener slows the broker down.</summary>
    ValueTask OnReceivedAsync(CancellationToken cancellationToken) => default;

    /// <summary>Publishing ids that are stored: <code>publisher:u8 count:u32 id:u64*</code></summary>
    void OnConfirm(FrameReader content)
    {
    }

    /// <summary>Publishing ids that were refused: <code>publisher:u8 count:u32 (id:u64 code:u16)*</code></summary>
    void OnPublishError(FrameReader content)
    {
    }

    /// <summary>A stream was deleted, or has moved.</summary>
    void OnMetadataUpdate(StreamResponseCode code, string stream)
    {
    }

    /// <summary>The connection has ended.</summary>
    void OnLost(Exception failure)
    {
    }
}
