using System.Diagnostics;
using RabbitMqBackup.Bench.Amqp;

namespace RabbitMqBackup.Bench.Workers;

/// <summary>Publishes ready-made bodies on a plain socket with pipelined confirms: the limit of any writer.</summary>
internal sealed class RawPublisherWorker : IWorker
{
    /// <inheritdoc/>
    public string Name => "raw-publisher";

    /// <inheritdoc/>
    public string Title => "raw publisher";

    /// <inheritdoc/>
    public Task<TimeSpan> RunAsync(WorkerSettings settings)
    {
        PreparedBodies bodies = new(settings);
        Stopwatch watch = Stopwatch.StartNew();
        using RawPublisher publisher = new(settings.Amqp, settings.Queue, settings.Window);
        publisher.Publish(settings.Messages, settings.Size, body => bodies.Next().Span.CopyTo(body));
        return Task.FromResult(watch.Elapsed);
    }
}
