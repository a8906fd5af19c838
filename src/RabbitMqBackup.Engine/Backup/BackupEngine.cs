using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>Backs up the queues and definitions of a running cluster: plan first, then execute.</summary>
public sealed class BackupEngine(IEngineLog log)
{
    /// <summary>Looks at the broker and the store, and decides. Changes nothing.</summary>
    /// <exception cref="RabbitBackupException">The broker or the store can't be used, or the id exists.</exception>
    public Task<BackupPlan> PlanAsync(BackupOptions options, CancellationToken cancellationToken) => throw new NotSupportedException($"{log} {options} {cancellationToken}");

    /// <summary>Does what the plan says. The manifest is the last thing written; its status is partial when anything failed.</summary>
    public Task<BackupManifest> ExecuteAsync(BackupPlan plan, IBackupEvents events, CancellationToken cancellationToken) => throw new NotSupportedException($"{log} {plan} {events} {cancellationToken}");
}
