using System.Diagnostics;
using RabbitMqBackup.Engine;
using RabbitMqBackup.Engine.Backup;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Bench.Workers;

/// <summary>A whole backup of the queue into a folder: plan, definitions, segments, release, manifest.</summary>
internal sealed class BackupWorker : IWorker
{
    /// <inheritdoc/>
    public string Name => "backup";

    /// <inheritdoc/>
    public string Title => "backup";

    /// <inheritdoc/>
    public async Task<TimeSpan> RunAsync(WorkerSettings settings)
    {
        BackupOptions options = new()
        {
            Broker = EngineTarget.Of(settings),
            Store = BackupStore.Parse(settings.Store),
            Selection = new() { Names = [settings.Queue], VirtualHosts = [settings.VirtualHost] },
            Compression = Enum.Parse<SegmentCompression>(settings.Compression, ignoreCase: true),
        };
        Stopwatch watch = Stopwatch.StartNew();
        Events events = new();
        BackupEngine engine = new();
        BackupPlan plan = await engine.PlanAsync(options, CancellationToken.None);
        BackupManifest manifest = await engine.ExecuteAsync(plan, events, CancellationToken.None);
        watch.Stop();
        return manifest.Status == BackupStatus.Complete && manifest.TotalMessages == settings.Messages
            ? watch.Elapsed
            : throw new BenchException($"The backup is {manifest.Status} with {manifest.TotalMessages} messages. {events.Failure}");
    }

    private sealed class Events : IBackupEvents
    {
        internal string? Failure { get; private set; }

        public void OnProgress(OperationProgress progress)
        {
        }

        public void OnSegment(BackupSegment segment)
        {
        }

        public void OnFailure(RabbitBackupException failure) => Failure ??= failure.Message;
    }
}
