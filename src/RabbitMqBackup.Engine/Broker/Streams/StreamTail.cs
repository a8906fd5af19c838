using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>Reads the last message of a stream.</summary>
internal static class StreamTail
{
    /// <summary>The last message, or null where there is none.</summary>
    /// <param name="connection">Its only user in the meantime.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="cancellationToken">Gives up.</param>
    internal static async Task<byte[]?> LastMessageAsync(StreamConnection connection, string stream, CancellationToken cancellationToken)
    {
        LastChunk sink = new();
        await new ChunkReader(connection, stream, new StreamReadOptions { Start = StreamStart.Last }, sink).RunAsync(cancellationToken).ConfigureAwait(false);
        byte[]? last = null;
        ChunkMessages.Visit(sink.Data.GetBuffer().AsSpan(0, (int)sink.Data.Length), 0, (_, message) =>
        {
            last = message.ToArray();
            return true;
        });
        return last;
    }

    private sealed class LastChunk : IChunkSink
    {
        internal MemoryStream Data { get; } = new();

        public void OnChunk(in ChunkHeader header) => Data.SetLength(0);

        public void OnData(ReadOnlySpan<byte> data) => Data.Write(data);

        public void OnChunkEnd(bool intact) => Data.SetLength(intact ? Data.Length : 0);

        public ValueTask OnPauseAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;
    }
}
