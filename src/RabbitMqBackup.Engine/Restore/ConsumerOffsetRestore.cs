using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>
/// Stores consumers' offsets in a restored stream. Offsets there are others than in the source, since retention had taken the beginning, and since a broker's own tracking takes offsets as well: so an offset is
/// brought over by the message it stands for, counted from the first one restored.
/// </summary>
/// <param name="segments">What was restored, all of it.</param>
/// <param name="offsets">Offsets by consumers' names, as they were.</param>
internal sealed class ConsumerOffsetRestore(IReadOnlyList<SourceSegment> segments, IReadOnlyDictionary<string, long> offsets)
{
    /// <summary>How many of the restored messages lie at or before each consumer's offset.</summary>
    internal async Task<Dictionary<string, long>> CountAsync(BackupCatalog catalog, BlockPool pool, CancellationToken cancellationToken)
    {
        Dictionary<string, long> counts = offsets.Keys.ToDictionary(name => name, _ => 0L, StringComparer.Ordinal);
        foreach ((string backupId, SegmentEntry segment) in segments.Select(segment => (segment.BackupId, segment.Entry)))
        {
            // A segment that lies wholly before an offset counts by its row in the manifest; only those that an offset falls into are opened.
            List<string> inside = [];
            foreach ((string name, long offset) in offsets)
            {
                if (segment.LastOffset <= offset)
                {
                    counts[name] += segment.Records;
                }
                else if (segment.FirstOffset <= offset)
                {
                    inside.Add(name);
                }
            }

            if (inside.Count > 0)
            {
                using SegmentReader reader = await catalog.OpenReaderAsync(backupId, segment, pool, cancellationToken).ConfigureAwait(false);
                Count(reader, inside, counts);
            }
        }

        return counts;
    }

    /// <summary>
    /// Finds the places of messages in the restored stream by reading it, and stores them.
    /// </summary>
    /// <param name="connection">To the stream's leader; its only user in the meantime.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="counts">From <see cref="CountAsync"/>.</param>
    /// <param name="expected">Messages that the stream must hold: with others among them counting would lead astray.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The offsets stored, or null where the stream holds other messages as well and none was stored.</returns>
    internal static async Task<IReadOnlyDictionary<string, long>?> StoreAsync(
        StreamConnection connection, string stream, IReadOnlyDictionary<string, long> counts, long expected, CancellationToken cancellationToken)
    {
        PlaceSink places = new(counts.Values.Where(count => count > 0));
        await new ChunkReader(connection, stream, new StreamReadOptions(), places).RunAsync(cancellationToken).ConfigureAwait(false);
        if (places.Messages != expected)
        {
            return null;
        }

        Dictionary<string, long> stored = new(StringComparer.Ordinal);
        foreach ((string name, long count) in counts.Where(pair => pair.Value > 0))
        {
            stored[name] = places.Found[count];
            await connection.StoreOffsetAsync(name, stream, (ulong)stored[name], cancellationToken).ConfigureAwait(false);
        }

        // The broker does not answer: it answers questions, one after the other.
        foreach ((string name, long offset) in stored)
        {
            for (int i = 0; await connection.QueryOffsetAsync(name, stream, cancellationToken).ConfigureAwait(false) != (ulong)offset; i++)
            {
                if (i == 200)
                {
                    throw new RabbitBackupException(ErrorCode.OperationTimedOut, $"The broker did not store the offset of consumer '{name}' in the stream '{stream}'.") { Target = stream, IsTransient = true };
                }

                await Task.Delay(50, cancellationToken).ConfigureAwait(false);
            }
        }

        return stored;
    }

    private void Count(SegmentReader reader, List<string> names, Dictionary<string, long> counts)
    {
        while (reader.TryRead(out SegmentRecord record))
        {
            foreach (string name in names)
            {
                counts[name] += Math.Clamp(offsets[name] - record.FirstOffset + 1, 0, record.Messages);
            }
        }
    }

    /// <summary>Notes the offsets of the n-th messages, from the headers of chunks alone.</summary>
    private sealed class PlaceSink(IEnumerable<long> wanted) : IChunkSink
    {
        private readonly SortedSet<long> _wanted = [.. wanted];

        internal Dictionary<long, long> Found { get; } = [];

        internal long Messages { get; private set; }

        public void OnChunk(in ChunkHeader header)
        {
            while (_wanted.Count > 0 && _wanted.Min <= Messages + header.Records)
            {
                Found[_wanted.Min] = (long)header.FirstOffset + _wanted.Min - Messages - 1;
                _wanted.Remove(_wanted.Min);
            }

            Messages += header.Records;
        }

        public void OnData(ReadOnlySpan<byte> data)
        {
        }

        public void OnChunkEnd(bool intact)
        {
        }

        public ValueTask OnPauseAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;
    }
}
