using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>
/// Takes a stream chunk by chunk, in order, from one thread at a time. Chunks of 60 MB occur, so the data comes in pieces and nothing is buffered for the sink.
/// An exception out of a call ends the reading and comes out of <see cref="ChunkReader.RunAsync"/>. To stop early and in order, call <see cref="ChunkReader.Stop"/>.
/// </summary>
internal interface IChunkSink
{
    /// <summary>A chunk of messages begins. The first one of a reading may begin before the offset that was asked for.</summary>
    void OnChunk(in ChunkHeader header);

    /// <summary>The next piece of its data; borrowed for the time of the call.</summary>
    void OnData(ReadOnlySpan<byte> data);

    /// <summary>The chunk has ended.</summary>
    /// <param name="intact">False where the data does not match the chunk's CRC: discard it. The reader reports it as a gap.</param>
    void OnChunkEnd(bool intact);

    /// <summary>Called after each piece of input. Nothing is read from the broker until it completes: here a sink whose own target is slow waits.</summary>
    ValueTask OnPauseAsync(CancellationToken cancellationToken);
}
