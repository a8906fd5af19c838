namespace RabbitMqBackup.Engine.Restore;

/// <summary>Restores backups, segments or messages: plan first, then execute.</summary>
public sealed class RestoreEngine(IEngineLog log)
{
    /// <summary>Looks at the backup and the target, and decides. Changes nothing.</summary>
    public Task<RestorePlan> PlanAsync(RestoreOptions options, CancellationToken cancellationToken) => throw new NotSupportedException($"{log} {options} {cancellationToken}");

    /// <summary>Does what the plan says.</summary>
    public Task<RestoreResult> ExecuteAsync(RestorePlan plan, IRestoreEvents events, CancellationToken cancellationToken) => throw new NotSupportedException($"{log} {plan} {events} {cancellationToken}");
}
