using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>Reads the end of a stream.</summary>
internal static class StreamTail
{
    /// <summary>Messages that are looked at first; twice as many each time that all of them are meant.</summary>
    private const int Reach = 1000;

    /// <summary>What stands behind the last message that is not meant, in order: nothing where the last one is not.</summary>
    /// <param name="connection">Its only user in the meantime.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="isMeant">By a message's length in AMQP 1.0 encoding.</param>
    /// <param name="take">Makes what is wanted of a message that is meant.</param>
    /// <param name="cancellationToken">Gives up.</param>
    internal static async Task<Queue<T>> ReadAsync<T>(
        StreamConnection connection, string stream, Func<int, bool> isMeant, Func<byte[], T> take, CancellationToken cancellationToken)
    {
        if (await StreamExtent.FindAsync(connection, stream, StreamStart.First, cancellationToken).ConfigureAwait(false) is { UncommittedChunk: not null } extent)
        {
            throw extent.Cut(stream);
        }

        if (await StreamExtent.LastUserChunkAsync(connection, stream, cancellationToken).ConfigureAwait(false) is not { } last)
        {
            return [];
        }

        for (long reach = Reach; ; reach *= 2)
        {
            long start = Math.Max(0, (long)last.NextOffset - reach);
            TailSink<T> sink = new(isMeant, take);
            await new ChunkReader(connection, stream, new StreamReadOptions { Start = StreamStart.Offset(start) }, sink).RunAsync(cancellationToken).ConfigureAwait(false);
            if (sink.HasBeginning || start == 0 || sink.FirstOffset > start)
            {
                return sink.Tail;
            }
        }
    }

    private sealed class TailSink<T>(Func<int, bool> isMeant, Func<byte[], T> take) : IChunkSink
    {
        private readonly MemoryStream _data = new();

        internal Queue<T> Tail { get; } = [];

        /// <summary>There is something before the tail.</summary>
        internal bool HasBeginning { get; private set; }

        /// <summary>Of the first chunk that was there to read, or null.</summary>
        internal long? FirstOffset { get; private set; }

        public void OnChunk(in ChunkHeader header)
        {
            _data.SetLength(0);
            FirstOffset ??= (long)header.FirstOffset;
        }

        public void OnData(ReadOnlySpan<byte> data) => _data.Write(data);

        public void OnChunkEnd(bool intact)
        {
            if (!intact)
            {
                Begin();
                return;
            }

            try
            {
                ChunkMessages.Visit(_data.GetBuffer().AsSpan(0, (int)_data.Length), 0, OnMessage);
            }
            catch (RabbitBackupException damage) when (damage.Code is ErrorCode.SegmentCorrupt)
            {
                // Brokers before 4.3 take batches whose content nobody can read.
                Begin();
            }
        }

        private bool OnMessage(ulong offset, ReadOnlySpan<byte> message)
        {
            if (isMeant(message.Length))
            {
                Tail.Enqueue(take(message.ToArray()));
            }
            else
            {
                Begin();
            }

            return true;
        }

        private void Begin()
        {
            Tail.Clear();
            HasBeginning = true;
        }

        public ValueTask OnPauseAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;
    }
}
