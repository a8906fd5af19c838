using System.Diagnostics;
using RabbitMqBackup.Bench.Amqp;

namespace RabbitMqBackup.Bench.Workers;

/// <summary>Reads everything on a plain socket and drops it: the limit of any reader.</summary>
internal sealed class RawDrainWorker(bool givesBack) : IWorker
{
    /// <inheritdoc/>
    public string Name => givesBack ? "raw-drain-return" : "raw-drain";

    /// <inheritdoc/>
    public string Title => givesBack ? "raw drain, given back" : "raw drain";

    /// <inheritdoc/>
    public Task<TimeSpan> RunAsync(WorkerSettings settings)
    {
        Stopwatch watch = Stopwatch.StartNew();
        using RawConnection connection = RawConnection.Open(settings.Amqp);
        RawDrain.Run(connection, settings.Queue, settings.Messages, settings.Prefetch);
        if (givesBack)
        {
            RawDrain.GiveBack(connection, settings.Queue, settings.Messages);
        }

        return Task.FromResult(watch.Elapsed);
    }
}
