using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>How far a stream reaches from where a reading begins.</summary>
/// <param name="EndChunk">Offset of the last committed chunk, at which a reading that begins now ends; null where there is nothing, for which a broker would stay silent.</param>
/// <param name="EndsBeforeStart">The stream does not even reach up to the offset asked for: it is not the one that the offset is from.</param>
internal readonly record struct StreamExtent(ulong? EndChunk, bool EndsBeforeStart)
{
    private const byte Subscription = 0;

    /// <summary>Finds out, on any version.</summary>
    /// <param name="connection">Its only user in the meantime.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="start">Where the reading will begin.</param>
    /// <param name="cancellationToken">Gives up.</param>
    internal static async Task<StreamExtent> FindAsync(StreamConnection connection, string stream, StreamStart start, CancellationToken cancellationToken)
    {
        StreamStats? stats = await connection.StatsAsync(stream, cancellationToken).ConfigureAwait(false);
        if (stats is { } known && start == StreamStart.First)
        {
            return new StreamExtent(known.CommittedChunkId < 0 ? null : (ulong)known.CommittedChunkId, false);
        }

        // Before 4.0 there is no other way; on 4.x a start near the end needs to know how many messages the last chunk has.
        ChunkHeader? last = await LastUserChunkAsync(connection, stream, cancellationToken).ConfigureAwait(false);
        ulong committed = (ulong)Math.Max(0, stats?.CommittedChunkId ?? 0);
        if (last is not { } chunk || start.IsAfter(chunk))
        {
            // Up to the offset after the last chunk, of whatever kind, a start is one that a reading of this stream can have ended with.
            ulong reach = Math.Max(last?.NextOffset ?? 0, stats is { CommittedChunkId: >= 0 } ? committed + 1 : 0);
            return new StreamExtent(null, (ulong?)start.OffsetOrNull > reach);
        }

        return new StreamExtent(Math.Max(chunk.FirstOffset, committed), false);
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
