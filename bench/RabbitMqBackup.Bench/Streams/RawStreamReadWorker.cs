using System.Diagnostics;
using RabbitMqBackup.Bench.Workers;

namespace RabbitMqBackup.Bench.Streams;

/// <summary>Reads a stream on a plain socket with CRC and a walk over the entries, and drops it.</summary>
internal sealed class RawStreamReadWorker : IWorker
{
    /// <inheritdoc/>
    public string Name => "stream-raw-read";

    /// <inheritdoc/>
    public string Title => "raw stream reader";

    /// <inheritdoc/>
    public Task<TimeSpan> RunAsync(WorkerSettings settings)
    {
        Stopwatch watch = Stopwatch.StartNew();
        using RawStream connection = RawStream.Open(settings.Amqp, settings.StreamPort);
        long messages = new RawStreamReader(connection).Run(settings.Queue);
        return messages == settings.Messages ? Task.FromResult(watch.Elapsed) : throw new BenchException($"The raw reader saw {messages} messages.");
    }
}
