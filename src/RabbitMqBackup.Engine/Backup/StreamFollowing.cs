using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Broker.Streams;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>What goes on beside a reader that follows a stream: it ends the reading when the run ends, and looks from time to time how far the reader is behind.</summary>
internal sealed class StreamFollowing : IDisposable
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _over = new();
    private readonly CancellationTokenRegistration _ending;

    /// <param name="connector">For a connection of its own: the reader's belongs to the reader.</param>
    /// <param name="queue">The stream.</param>
    /// <param name="reader">Ended with the run.</param>
    /// <param name="sink">Knows how far it is.</param>
    /// <param name="behind">Told how many messages are missing.</param>
    /// <param name="context">The run.</param>
    internal StreamFollowing(StreamConnector connector, QueueInfo queue, ChunkReader reader, ChunkSink sink, Action<long> behind, CaptureContext context)
    {
        _ending = context.Ending.Register(reader.Stop);
        _ = Task.Run(() => LookAsync(connector, queue, sink, behind, context.Time));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ending.Dispose();
        _over.Cancel();
    }

    /// <summary>Brokers before 4.0 don't tell where a stream ends; then nothing is said about it.</summary>
    private async Task LookAsync(StreamConnector connector, QueueInfo queue, ChunkSink sink, Action<long> behind, TimeProvider time)
    {
        try
        {
            await using StreamConnection connection = await connector.ConnectAsync(queue.VirtualHost, _over.Token).ConfigureAwait(false);
            while (connection.Features.HasCommandVersions)
            {
                if (await connection.StatsAsync(queue.Name, _over.Token).ConfigureAwait(false) is { } stats)
                {
                    long missing = Math.Max(0, stats.CommittedChunkId + 1 - sink.NextOffset);
                    StreamMetrics.SetBehind(new QueueName(queue.VirtualHost, queue.Name), missing);
                    behind(missing);
                }

                await Task.Delay(LookInterval, time, _over.Token).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is RabbitBackupException or OperationCanceledException)
        {
            // The reader meets the same trouble, and says so.
        }
        finally
        {
            StreamMetrics.SetBehind(new QueueName(queue.VirtualHost, queue.Name), null);
        }
    }
}
