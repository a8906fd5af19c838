using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Definitions;

/// <summary>Puts definitions into a running cluster and sees what became of them.</summary>
public sealed class DefinitionsImporter(IEngineLog log)
{
    /// <summary>Looks at the target and compares. Changes nothing.</summary>
    public Task<ImportPlan> PlanAsync(ImportOptions options, CancellationToken cancellationToken = default) => throw new NotSupportedException($"{log} {options} {cancellationToken}");

    /// <summary>Imports, reads back, compares.</summary>
    public Task<ImportReport> ExecuteAsync(ImportPlan plan, IProgress<OperationProgress>? progress, CancellationToken cancellationToken = default) => throw new NotSupportedException($"{plan} {progress} {cancellationToken}");
}
