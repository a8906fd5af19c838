using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>Takes what <see cref="FrameAssembler"/> finds in the bytes. All spans are borrowed for the time of the call.</summary>
internal interface IFrameHandler
{
    /// <summary>A whole frame that is no Deliver.</summary>
    void OnFrame(FrameHeader header, ReadOnlySpan<byte> content);

    /// <summary>A Deliver frame has begun.</summary>
    /// <param name="subscription">Number of the subscription.</param>
    /// <param name="header">The chunk's header.</param>
    void OnChunk(byte subscription, in ChunkHeader header);

    /// <summary>The next piece of the chunk's data.</summary>
    void OnChunkData(ReadOnlySpan<byte> data);

    /// <summary>The Deliver frame has ended.</summary>
    /// <param name="intact">False where the data does not match the CRC in the header.</param>
    void OnChunkEnd(bool intact);
}
