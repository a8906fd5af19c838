using System.Management.Automation;
using RabbitMqBackup.Cmdlets.Completion;
using RabbitMqBackup.Engine;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Removes backups: those that come down the pipeline, or what a retention does not keep.</summary>
[Cmdlet(VerbsCommon.Remove, "RabbitBackup", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High, DefaultParameterSetName = "Manifest")]
[OutputType(typeof(BackupRemoval))]
public sealed class RemoveRabbitBackupCommand : AsyncCmdlet
{
    private readonly List<BackupManifest> _backups = [];

    /// <summary>Backups from Get-RabbitBackup. Without a retention all of them are removed, with one those that it does not keep.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ParameterSetName = "Manifest")]
    [ValidateNotNull]
    public BackupManifest? Manifest { get; set; }

    /// <summary>The store: a folder, a URI, or an object from New-RabbitBackupStore. A retention looks at all its backups.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "Store")]
    [StoreTransformation]
    [ValidateNotNull]
    public BackupStore? Store { get; set; }

    /// <summary>Ids of backups to remove; also of those that Get-RabbitBackup can't read.</summary>
    [Parameter(ParameterSetName = "Store")]
    [ArgumentCompleter(typeof(BackupIdCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] BackupId { get; set; } = [];

    /// <summary>Keeps the newest so many backups of each cluster.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int KeepLast { get; set; }

    /// <summary>Keeps one backup of each of the newest so many days that have one.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int KeepDaily { get; set; }

    /// <summary>Keeps one backup of each of the newest so many weeks.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int KeepWeekly { get; set; }

    /// <summary>Keeps one backup of each of the newest so many months.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int KeepMonthly { get; set; }

    /// <summary>Keeps one backup of each of the newest so many years.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int KeepYearly { get; set; }

    /// <summary>Removes also what is left of backups that did not come to their end and whose last object is older than this.</summary>
    [Parameter(ParameterSetName = "Store")]
    public TimeSpan? OrphanAge { get; set; }

    /// <summary>Removes also the backups that are based on one that is removed.</summary>
    [Parameter]
    public SwitchParameter Recurse { get; set; }

    /// <summary>Removes also the last good backup of a cluster, and with -BackupId one whose manifest can't be read.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Takes away leases on the backups whose holders are gone.</summary>
    [Parameter]
    public SwitchParameter BreakStaleLease { get; set; }

    private RetentionPolicy? Retention => KeepLast + (long)KeepDaily + KeepWeekly + KeepMonthly + KeepYearly == 0
        ? null
        : new RetentionPolicy { KeepLast = KeepLast, KeepDaily = KeepDaily, KeepWeekly = KeepWeekly, KeepMonthly = KeepMonthly, KeepYearly = KeepYearly };

    /// <inheritdoc/>
    protected override void Process()
    {
        if (ParameterSetName == "Manifest")
        {
            _backups.Add(Manifest!.Store is null
                ? throw new ArgumentException($"The manifest of '{Manifest.BackupId}' does not know its store: take it from Get-RabbitBackup.", nameof(Manifest))
                : Manifest);
        }
    }

    /// <inheritdoc/>
    protected override void End()
    {
        RemovalOptions options = new() { Store = Store!, BackupIds = BackupId, Retention = Retention, OrphanAge = OrphanAge, Recurse = Recurse, Force = Force, BreakStaleLease = BreakStaleLease };
        if (ParameterSetName == "Store")
        {
            Remove(options);
            return;
        }

        foreach (IGrouping<string, BackupManifest> store in _backups.GroupBy(backup => backup.Store!.DisplayUri))
        {
            Remove(options with { Store = store.First().Store!, Backups = [.. store] });
        }
    }

    private void Remove(RemovalOptions options)
    {
        BackupRemover remover = new(Log);
        RemovalPlan plan = Run(token => remover.PlanAsync(options, token));
        foreach (RabbitBackupException refusal in plan.Refusals)
        {
            WriteError(ErrorRecords.From(refusal));
        }

        foreach (BackupRemoval backup in plan.Backups.Where(backup => backup.Decision != RemovalDecision.Refuse))
        {
            string why = string.Join(", ", backup.Reasons);
            if (backup.Decision == RemovalDecision.Keep)
            {
                WriteVerbose($"{backup.BackupId} stays: {why}.");
                if (MyInvocation.BoundParameters.TryGetValue("WhatIf", out object? whatIf) && whatIf is SwitchParameter { IsPresent: true })
                {
                    WriteObject(backup);
                }
            }
            else if (MayChange($"Remove the backup {backup.BackupId}{From(backup)} from {backup.Store} ({why})", "Remove backup", out bool isWhatIf))
            {
                RemoveOne(remover, plan, backup);
            }
            else if (isWhatIf)
            {
                WriteObject(backup);
            }
        }
    }

    /// <summary>What stands against one removal is told; the others go on.</summary>
    private void RemoveOne(BackupRemover remover, RemovalPlan plan, BackupRemoval backup)
    {
        try
        {
            WriteObject(Run(token => remover.RemoveAsync(plan, backup, Progress.Report, token)));
        }
        catch (RabbitBackupException failure)
        {
            WriteError(ErrorRecords.From(failure));
        }
    }

    private static string From(BackupRemoval backup) => backup.SourceCluster.Length == 0 ? "" : $" of {backup.SourceCluster}";
}
