using System.Diagnostics;
using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>How far a stream reaches from where a reading begins.</summary>
/// <param name="EndChunk">Offset of the last committed chunk, at which a reading that begins now ends; null where there is nothing, for which a broker would stay silent.</param>
/// <param name="EndsBeforeStart">The stream does not even reach up to the offset asked for: it is not the one that the offset is from.</param>
internal readonly record struct StreamExtent(ulong? EndChunk, bool EndsBeforeStart)
{
    private const byte Subscription = 0;

    /// <summary>A leader calls a chunk committed as soon as enough replicas have it; those that come back need some seconds until they tell.</summary>
    private static readonly TimeSpan CommitTime = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan CommitInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>Offset of the last chunk that is there, where it lies behind <see cref="EndChunk"/>: it is not committed, and no broker lets it be read.</summary>
    internal ulong? UncommittedChunk { get; init; }

    /// <summary>Finds out, on any version.</summary>
    /// <param name="connection">Its only user in the meantime.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="start">Where the reading will begin.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="RabbitBackupException">QueueUnavailable: there is something, and nothing of it can be read at the moment.</exception>
    internal static async Task<StreamExtent> FindAsync(StreamConnection connection, string stream, StreamStart start, CancellationToken cancellationToken)
    {
        StreamStats? stats = await CommittedAsync(connection, stream, cancellationToken).ConfigureAwait(false);
        StreamExtent extent = stats is { } known && start == StreamStart.First
            ? new StreamExtent(known.CommittedChunkId < 0 ? null : (ulong)known.CommittedChunkId, false)
            : await FindFromAsync(connection, stream, start, stats, cancellationToken).ConfigureAwait(false);
        if (stats is not { } told || told.CommittedChunkId >= told.LastChunkId)
        {
            return extent;
        }

        extent = extent with { UncommittedChunk = (ulong)told.LastChunkId };
        return extent.EndChunk is null ? throw extent.Cut(stream) : extent;
    }

    /// <summary>For a stream whose end can't be read.</summary>
    internal RabbitBackupException Cut(string stream) => new(
        ErrorCode.QueueUnavailable,
        $"The stream '{stream}' has a chunk at offset {UncommittedChunk} that most of its replicas don't have ({(EndChunk is { } end ? $"what they have ends with the chunk at {end}" : "nor anything else that is wanted")}): the broker does not let it be read.")
    {
        Target = stream,
        IsTransient = EndChunk is null,
        Hint = "See that the nodes with its replicas are up, then run again.",
    };

    private static async Task<StreamExtent> FindFromAsync(
        StreamConnection connection, string stream, StreamStart start, StreamStats? stats, CancellationToken cancellationToken)
    {
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

    /// <summary>
    /// First and last chunk, once all that is there now is committed, or nothing more of it for a while. A leader of several replicas begins with nothing committed, whatever it has (osiris_writer): for the
    /// moment after an election, or a restart, its stream would be taken for an empty one.
    /// </summary>
    private static async Task<StreamStats?> CommittedAsync(StreamConnection connection, string stream, CancellationToken cancellationToken)
    {
        StreamStats? stats = await connection.StatsAsync(stream, cancellationToken).ConfigureAwait(false);
        long last = stats?.LastChunkId ?? -1;
        for (long changed = Stopwatch.GetTimestamp(); stats is { } now && now.CommittedChunkId < last && Stopwatch.GetElapsedTime(changed) < CommitTime;)
        {
            await Task.Delay(CommitInterval, cancellationToken).ConfigureAwait(false);
            stats = await connection.StatsAsync(stream, cancellationToken).ConfigureAwait(false);
            changed = stats?.CommittedChunkId == now.CommittedChunkId ? changed : Stopwatch.GetTimestamp();

            // What came after the first look is not waited for; what another leader never had is not there any more.
            last = Math.Min(last, stats?.LastChunkId ?? -1);
        }

        return stats is { } settled ? settled with { LastChunkId = last } : null;
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
