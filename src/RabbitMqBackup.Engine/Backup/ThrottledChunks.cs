using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>Holds the reading of a stream to the run's rate of messages and bytes: what came is paid for before more is read, so that TCP holds the broker back.</summary>
internal sealed class ThrottledChunks(ReadThrottle throttle, IChunkSink inner) : IChunkSink
{
    private int _messages;
    private int _bytes;

    /// <inheritdoc/>
    public void OnChunk(in ChunkHeader header)
    {
        _messages += (int)Math.Min(header.Records, int.MaxValue - _messages);
        inner.OnChunk(header);
    }

    /// <inheritdoc/>
    public void OnData(ReadOnlySpan<byte> data)
    {
        _bytes += data.Length;
        inner.OnData(data);
    }

    /// <inheritdoc/>
    public void OnChunkEnd(bool intact) => inner.OnChunkEnd(intact);

    /// <inheritdoc/>
    public async ValueTask OnPauseAsync(CancellationToken cancellationToken)
    {
        (int messages, int bytes) = (_messages, _bytes);
        (_messages, _bytes) = (0, 0);
        await inner.OnPauseAsync(cancellationToken).ConfigureAwait(false);
        if (bytes > 0)
        {
            await throttle.WaitAsync(messages, bytes, cancellationToken).ConfigureAwait(false);
        }
    }
}
