namespace RabbitMqBackup.Bench.Workers;

/// <summary>All workers.</summary>
internal static class WorkerList
{
    internal static readonly IWorker Backup = new BackupWorker();
    internal static readonly IWorker Restore = new RestoreWorker();
    internal static readonly IWorker RawDrain = new RawDrainWorker();
    internal static readonly IWorker ClientConsumer = new ClientConsumerWorker();
    internal static readonly IWorker RawPublisher = new RawPublisherWorker();
    internal static readonly IWorker ClientPublisher = new ClientPublisherWorker();

    private static readonly IReadOnlyList<IWorker> All = [Backup, Restore, RawDrain, ClientConsumer, RawPublisher, ClientPublisher];

    /// <summary>The worker of that name.</summary>
    internal static IWorker Named(string name) => All.Single(worker => worker.Name == name);
}
