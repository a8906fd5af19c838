using System.Diagnostics;
using RabbitMqBackup.Engine;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Bench.Workers;

/// <summary>A whole restore of the backup in the folder into the queue, which is there and empty.</summary>
internal sealed class RestoreWorker : IWorker
{
    /// <inheritdoc/>
    public string Name => "restore";

    /// <inheritdoc/>
    public string Title => "restore";

    /// <inheritdoc/>
    public async Task<TimeSpan> RunAsync(WorkerSettings settings)
    {
        Stopwatch watch = Stopwatch.StartNew();
        Events events = new();
        RestoreEngine engine = new();
        RestoreOptions options = new() { Broker = EngineTarget.Of(settings), Manifest = await OnlyManifestAsync(settings.Store) };
        RestorePlan plan = await engine.PlanAsync(options, CancellationToken.None);
        RestoreResult result = await engine.ExecuteAsync(plan, events, CancellationToken.None);
        watch.Stop();
        return result.IsComplete && result.Confirmed == settings.Messages
            ? watch.Elapsed
            : throw new BenchException($"{result.Confirmed} messages were restored. {events.Failure}");
    }

    private static async Task<BackupManifest> OnlyManifestAsync(string store)
    {
        await using BackupCatalog catalog = new(BackupStore.Parse(store));
        await foreach (BackupManifest manifest in catalog.ListAsync(new(), damage => throw damage, CancellationToken.None))
        {
            return manifest;
        }

        throw new BenchException($"There is no backup in {store}.");
    }

    private sealed class Events : IRestoreEvents
    {
        internal string? Failure { get; private set; }

        public void OnProgress(OperationProgress progress)
        {
        }

        public void OnFailure(RabbitBackupException failure) => Failure ??= failure.Message;
    }
}
