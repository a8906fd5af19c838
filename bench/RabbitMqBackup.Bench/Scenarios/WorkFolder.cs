using RabbitMqBackup.Bench.Workers;
using RabbitMqBackup.TestHost;

namespace RabbitMqBackup.Bench.Scenarios;

/// <summary>A temporary folder for a backup. Disposing it deletes it.</summary>
internal sealed class WorkFolder : IAsyncDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("rabbitmq-bench-").FullName;

    /// <summary>What a child process is told when it works with this folder.</summary>
    internal WorkerSettings Settings(TestBroker broker, BenchOptions options, string queue, string? warmUpQueue = null) => new()
    {
        Amqp = broker.AmqpUri(),
        Management = broker.ManagementUri,
        StreamPort = broker.StreamPort,
        VirtualHost = "/",
        Queue = queue,
        WarmUpQueue = warmUpQueue,
        Messages = options.Messages,
        Size = options.Size,
        Body = options.Body,
        Prefetch = options.Prefetch,
        Window = options.Window,
        Compression = options.Compression,
        Store = _path,
    };

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Directory.Delete(_path, recursive: true);
        return ValueTask.CompletedTask;
    }
}
