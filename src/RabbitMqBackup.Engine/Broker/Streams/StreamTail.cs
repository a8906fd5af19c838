using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>Reads the end of a stream.</summary>
internal static class StreamTail
{
    /// <summary>Messages that are looked at, at most.</summary>
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
        TailSink<T> sink = new(isMeant, take);
        if (await StreamExtent.LastUserChunkAsync(connection, stream, cancellationToken).ConfigureAwait(false) is { } last)
        {
            StreamReadOptions options = new() { Start = StreamStart.Offset(Math.Max(0, (long)last.NextOffset - Reach)) };
            await new ChunkReader(connection, stream, options, sink).RunAsync(cancellationToken).ConfigureAwait(false);
        }

        return sink.Tail;
    }

    private sealed class TailSink<T>(Func<int, bool> isMeant, Func<byte[], T> take) : IChunkSink
    {
        private readonly MemoryStream _data = new();

        internal Queue<T> Tail { get; } = [];

        public void OnChunk(in ChunkHeader header) => _data.SetLength(0);

        public void OnData(ReadOnlySpan<byte> data) => _data.Write(data);

        public void OnChunkEnd(bool intact)
        {
            if (!intact)
            {
                Tail.Clear();
                return;
            }

            ChunkMessages.Visit(_data.GetBuffer().AsSpan(0, (int)_data.Length), 0, (_, message) =>
            {
                if (isMeant(message.Length))
                {
                    Tail.Enqueue(take(message.ToArray()));
                }
                else
                {
                    Tail.Clear();
                }

                return true;
            });
        }

        public ValueTask OnPauseAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;
    }
}
