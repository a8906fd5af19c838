using RabbitMqBackup.Bench.Streams;

namespace RabbitMqBackup.Bench.Workers;

/// <summary>All workers.</summary>
internal static class WorkerList
{
    internal static readonly IWorker Backup = new BackupWorker();
    internal static readonly IWorker Restore = new RestoreWorker();
    internal static readonly IWorker RawDrain = new RawDrainWorker(givesBack: false);
    internal static readonly IWorker RawDrainReturn = new RawDrainWorker(givesBack: true);
    internal static readonly IWorker ClientConsumer = new ClientConsumerWorker(givesBack: false);
    internal static readonly IWorker ClientConsumerReturn = new ClientConsumerWorker(givesBack: true);
    internal static readonly IWorker RawPublisher = new RawPublisherWorker();
    internal static readonly IWorker ClientPublisher = new ClientPublisherWorker();

    internal static readonly IWorker RawStreamRead = new RawStreamReadWorker();
    internal static readonly IWorker RawStreamPublish = new RawStreamPublishWorker(isNamed: false);
    internal static readonly IWorker RawStreamPublishNamed = new RawStreamPublishWorker(isNamed: true);
    internal static readonly IWorker StreamConsumer = new StreamConsumerWorker();

    private static readonly IReadOnlyList<IWorker> All =
    [
        Backup, Restore, RawDrain, RawDrainReturn, ClientConsumer, ClientConsumerReturn, RawPublisher, ClientPublisher, RawStreamRead, RawStreamPublish, RawStreamPublishNamed, StreamConsumer,
    ];

    /// <summary>The worker of that name.</summary>
    internal static IWorker Named(string name) => All.Single(worker => worker.Name == name);
}
