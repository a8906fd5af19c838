using System.Diagnostics;
using RabbitMqBackup.Bench.Workers;

namespace RabbitMqBackup.Bench.Streams;

/// <summary>Publishes to a stream on a plain socket: 500 messages a frame, a window of 10,000. Its bodies are of the kind that is cheap to make, since the broker does not look at them.</summary>
internal sealed class RawStreamPublishWorker : IWorker
{
    /// <inheritdoc/>
    public string Name => "stream-raw-publish";

    /// <inheritdoc/>
    public string Title => "raw stream publisher";

    /// <inheritdoc/>
    public Task<TimeSpan> RunAsync(WorkerSettings settings)
    {
        Stopwatch watch = Stopwatch.StartNew();
        using RawStream connection = RawStream.Open(settings.Amqp, settings.StreamPort);
        new RawStreamPublisher(connection).Run(settings.Queue, settings.Messages, new MessageBodies(BodyKind.Compressible, settings.Size));
        return Task.FromResult(watch.Elapsed);
    }
}
