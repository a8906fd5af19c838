using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>Finds out how far a stream reaches, on any version.</summary>
internal static class StreamExtent
{
    private const byte Subscription = 0;

    /// <summary>The chunk at which a reading that begins now ends.</summary>
    /// <param name="connection">Its only user in the meantime.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="start">Where the reading will begin.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The offset of the last committed chunk; null where there is nothing from <paramref name="start"/> on, for which a broker would stay silent.</returns>
    internal static async Task<ulong?> EndChunkAsync(StreamConnection connection, string stream, StreamStart start, CancellationToken cancellationToken)
    {
        StreamStats? stats = await connection.StatsAsync(stream, cancellationToken).ConfigureAwait(false);
        if (stats is { } known && start == StreamStart.First)
        {
            return known.CommittedChunkId < 0 ? null : (ulong)known.CommittedChunkId;
        }

        // Before 4.0 there is no other way; on 4.x a start near the end needs to know how many messages the last chunk has.
        ChunkHeader? last = await LastUserChunkAsync(connection, stream, cancellationToken).ConfigureAwait(false);
        if (last is not { } chunk || start.IsAfter(chunk))
        {
            return null;
        }

        return Math.Max(chunk.FirstOffset, (ulong)Math.Max(0, stats?.CommittedChunkId ?? 0));
    }

    /// <summary>Header of the last chunk with messages, or null where there is none. Its data is received and dropped.</summary>
    internal static async Task<ChunkHeader?> LastUserChunkAsync(StreamConnection connection, string stream, CancellationToken cancellationToken)
    {
        Probe probe = new();
        connection.Listener = probe;
        try
        {
            await connection.SubscribeAsync(Subscription, stream, StreamStart.Last, 1, [], cancellationToken).ConfigureAwait(false);

            // A broker sends what it has before it turns to the next request, and it answers in order: a chunk that has not come by then is not there.
            await connection.MetadataAsync(stream, cancellationToken).ConfigureAwait(false);
            await connection.UnsubscribeAsync(Subscription, stream, cancellationToken).ConfigureAwait(false);
            return probe.Found;
        }
        finally
        {
            connection.Listener = null;
        }
    }

    private sealed class Probe : IStreamListener
    {
        internal ChunkHeader? Found { get; private set; }

        public void OnChunk(byte subscription, in ChunkHeader header) => Found ??= header;
    }
}
