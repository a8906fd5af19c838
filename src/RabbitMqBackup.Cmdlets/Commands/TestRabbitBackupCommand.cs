using System.Management.Automation;
using RabbitMqBackup.Engine;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Verification;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Checks backups without a broker.</summary>
[Cmdlet(VerbsDiagnostic.Test, "RabbitBackup")]
[OutputType(typeof(VerificationReport), typeof(BackupManifest))]
public sealed class TestRabbitBackupCommand : AsyncCmdlet
{
    /// <summary>Backups from Get-RabbitBackup or Backup-RabbitMq.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ValidateNotNull]
    public BackupManifest Manifest { get; set; } = null!;

    /// <summary>Reads every byte and checks every hash, checksum and record.</summary>
    [Parameter]
    public SwitchParameter Deep { get; set; }

    /// <summary>Emits the manifest of each valid backup instead of the report; a backup that is not valid is an error and goes no further.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        VerificationReport report = Run(token => new BackupVerifier().VerifyAsync(Manifest, Deep, Progress.Report, token));
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
