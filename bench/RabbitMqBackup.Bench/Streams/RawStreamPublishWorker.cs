using System.Diagnostics;
using RabbitMqBackup.Bench.Workers;

namespace RabbitMqBackup.Bench.Streams;

/// <summary>Publishes to a stream on a plain socket: 500 messages a frame, a window of 10,000. Its bodies are of the kind that is cheap to make, since the broker does not look at them.</summary>
/// <param name="isNamed">Under a name, by which the broker drops what it has already, as a restore needs it.</param>
internal sealed class RawStreamPublishWorker(bool isNamed) : IWorker
{
    /// <inheritdoc/>
    public string Name => isNamed ? "stream-raw-publish-named" : "stream-raw-publish";

    /// <inheritdoc/>
    public string Title => isNamed ? "raw, with a name" : "raw stream publisher";

    /// <inheritdoc/>
    public Task<TimeSpan> RunAsync(WorkerSettings settings)
    {
        Stopwatch watch = Stopwatch.StartNew();
        using RawStream connection = RawStream.Open(settings.Amqp, settings.StreamPort);
        new RawStreamPublisher(connection, isNamed ? "bench" : "").Run(settings.Queue, settings.Messages, new MessageBodies(BodyKind.Compressible, settings.Size));
        return Task.FromResult(watch.Elapsed);
    }
}
