using System.Net;
using RabbitMqBackup.Engine.Backup;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Storage;
using RabbitMqBackup.Engine.Verification;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd;

/// <summary>The engine's main jobs against one virtual host and one folder, with what they told on the way.</summary>
internal sealed class EngineHarness : IBackupEvents, IRestoreEvents, IDisposable
{
    private EngineHarness(TestBroker broker, string virtualHost)
    {
        VirtualHost = virtualHost;
        Broker = new BrokerOptions
        {
            Endpoints = [new DnsEndPoint(broker.Host, broker.AmqpPort)],
            ManagementUri = broker.ManagementUri,
            StreamEndpoint = new DnsEndPoint(broker.Host, broker.StreamPort),
            Credential = new NetworkCredential(broker.User, broker.Password),
        };
        Store = BackupStore.Parse(Folder);
    }

    private readonly string _checkpoints = Directory.CreateTempSubdirectory("rabbit-checkpoint-test-").FullName;

    internal string Folder { get; } = Directory.CreateTempSubdirectory("rabbit-backup-test-").FullName;

    internal string VirtualHost { get; }

    internal BrokerOptions Broker { get; }

    internal BackupStore Store { get; }

    internal List<RabbitBackupException> Failures { get; } = [];

    internal List<BackupSegment> Segments { get; } = [];

    /// <summary>Called when the first segment of a backup is committed.</summary>
    internal Action? OnFirstSegment { get; set; }

    /// <summary>Called with the progress of a backup.</summary>
    internal Action<OperationProgress>? OnProgress { get; set; }

    /// <summary>Called with each segment of a backup.</summary>
    internal Action<BackupSegment>? OnAnySegment { get; set; }

    /// <summary>Called with the progress of a restore.</summary>
    internal Action<OperationProgress>? OnRestoreProgress { get; set; }

    /// <summary>Called with each segment's number in the run.</summary>
    internal Action<int>? OnSegmentCount { get; set; }

    /// <summary>Called with the messages read so far, now and then.</summary>
    internal Action<long>? OnAdvance { get; set; }

    /// <summary>Where a backup's log goes.</summary>
    internal IEngineLog? Log { get; set; }

    /// <summary>The engine's clock.</summary>
    internal TimeProvider? Time { get; set; }

    internal static EngineHarness For(TestVirtualHost virtualHost) => new(virtualHost.Broker, virtualHost.Name);

    internal async Task<BackupManifest> BackupAsync(Func<BackupOptions, BackupOptions>? change = null, CancellationToken? stop = null)
    {
        CancellationToken cancellationToken = stop ?? TestContext.Current.CancellationToken;
        BackupOptions options = new()
        {
            Broker = Broker,
            Store = Store,
            Selection = new QueueSelection { VirtualHosts = [VirtualHost] },
            SkipDefinitions = true,
            CheckpointPath = _checkpoints,
        };
        BackupEngine engine = new(Log, Time);
        BackupPlan plan = await engine.PlanAsync(change?.Invoke(options) ?? options, cancellationToken);
        return await engine.ExecuteAsync(plan, this, cancellationToken);
    }

    internal async Task<RestoreResult> RestoreAsync(BackupManifest manifest, Func<RestoreOptions, RestoreOptions>? change = null, CancellationToken? stop = null)
    {
        CancellationToken cancellationToken = stop ?? TestContext.Current.CancellationToken;
        RestoreOptions options = new() { Broker = Broker, Manifest = manifest, CheckpointPath = _checkpoints };
        RestoreEngine engine = new();
        RestorePlan plan = await engine.PlanAsync(change?.Invoke(options) ?? options, cancellationToken);
        return await engine.ExecuteAsync(plan, this, cancellationToken);
    }

    internal Task<VerificationReport> VerifyAsync(BackupManifest manifest) => new BackupVerifier().VerifyAsync(manifest, deep: true, _ => { }, TestContext.Current.CancellationToken);

    void IBackupEvents.OnProgress(OperationProgress progress)
    {
        OnProgress?.Invoke(progress);
        OnAdvance?.Invoke(progress.Messages);
    }

    void IBackupEvents.OnSegment(BackupSegment segment)
    {
        Segments.Add(segment);
        OnAnySegment?.Invoke(segment);
        OnSegmentCount?.Invoke(Segments.Count);
        if (Segments.Count == 1)
        {
            OnFirstSegment?.Invoke();
        }
    }

    void IBackupEvents.OnFailure(RabbitBackupException failure) => Failures.Add(failure);

    void IRestoreEvents.OnProgress(OperationProgress progress) => OnRestoreProgress?.Invoke(progress);

    void IRestoreEvents.OnFailure(RabbitBackupException failure) => Failures.Add(failure);

    public void Dispose()
    {
        Directory.Delete(Folder, recursive: true);
        Directory.Delete(_checkpoints, recursive: true);
    }
}
