using System.Management.Automation;
using RabbitMqBackup.Engine;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Verification;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Checks backups: without a broker, or by trying the restore out on one.</summary>
[Cmdlet(VerbsDiagnostic.Test, "RabbitBackup", SupportsShouldProcess = true, DefaultParameterSetName = "Check")]
[OutputType(typeof(VerificationReport), typeof(BackupManifest))]
public sealed class TestRabbitBackupCommand : BrokerCmdlet
{
    /// <summary>Backups from Get-RabbitBackup or Backup-RabbitMq.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ValidateNotNull]
    public BackupManifest Manifest { get; set; } = null!;

    /// <summary>Reads every byte and checks every hash, checksum and record.</summary>
    [Parameter]
    public SwitchParameter Deep { get; set; }

    /// <summary>Restores into a virtual host of its own on -Connection, compares every message, and deletes the virtual host again.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "Drill")]
    public SwitchParameter Drill { get; set; }

    /// <summary>With -Drill: how many of the queues that have messages, drawn by chance: 10% or 5. Default: all.</summary>
    [Parameter(ParameterSetName = "Drill")]
    [ValidateNotNullOrEmpty]
    public string? Sample { get; set; }

    /// <summary>With -Drill: queues restored at the same time. Default: 4.</summary>
    [Parameter(ParameterSetName = "Drill")]
    [ValidateRange(1, 64)]
    public int MaxConcurrentQueues { get; set; } = 4;

    /// <summary>Emits the manifest of each valid backup instead of the report; a backup that is not valid is an error and goes no further.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        VerificationReport report = Run(token => new BackupVerifier().VerifyAsync(Manifest, Deep, Progress.Report, token));
        if (Drill && report.IsValid)
        {
            report = TryOut(report);
        }

        if (!PassThru)
        {
            WriteObject(report);
        }
        else if (report.IsValid)
        {
            WriteObject(Manifest);
        }
        else
        {
            WriteError(ErrorRecords.From(Failure(report)));
        }
    }

    private VerificationReport TryOut(VerificationReport report)
    {
        DrillOptions options = new() { Broker = OpenConnection().Options, Sample = Sample, MaxConcurrentQueues = MaxConcurrentQueues };
        if (!MayChange($"Restore {Sample ?? "all"} of the queues of '{Manifest.BackupId}' into a virtual host made for it, compare, and delete it, on {options.Broker.DisplayUri}", "Try a restore out", out _))
        {
            return report;
        }

        (DrillReport drill, IReadOnlyList<VerificationFinding> findings) = Run(token => new RestoreDrill(Log).RunAsync(Manifest, options, Progress.Report, token));
        return report with { Drill = drill, Findings = [.. report.Findings, .. findings] };
    }

    private static RabbitBackupException Failure(VerificationReport report)
    {
        List<VerificationFinding> errors = [.. report.Findings.Where(finding => finding.IsError)];
        string more = errors.Count > 1 ? $" and {errors.Count - 1} more" : "";
        return new RabbitBackupException(ErrorCode.BackupIncomplete, $"The backup '{report.BackupId}' is not valid: {errors[0]}{more}.")
        {
            Target = report.BackupId,
            Hint = "Look at the Findings of the report that Test-RabbitBackup gives without -PassThru.",
        };
    }
}
