using System.Diagnostics;
using RabbitMqBackup.Bench.Amqp;

namespace RabbitMqBackup.Bench.Workers;

/// <summary>Reads everything on a plain socket and drops it: the limit of any reader.</summary>
internal sealed class RawDrainWorker : IWorker
{
    /// <inheritdoc/>
    public string Name => "raw-drain";

    /// <inheritdoc/>
    public string Title => "raw drain";

    /// <inheritdoc/>
    public Task<TimeSpan> RunAsync(WorkerSettings settings)
    {
        Stopwatch watch = Stopwatch.StartNew();
        using RawConnection connection = RawConnection.Open(settings.Amqp);
        RawDrain.Run(connection, settings.Queue, settings.Messages, settings.Prefetch);
        return Task.FromResult(watch.Elapsed);
    }
}
