using System.Management.Automation;
using RabbitMqBackup.Engine;
using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Takes an import of definitions back.</summary>
[Cmdlet(VerbsCommon.Undo, "RabbitImport", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High, DefaultParameterSetName = "Path")]
[OutputType(typeof(ImportReport), typeof(ImportItem))]
public sealed class UndoRabbitImportCommand : BrokerCmdlet
{
    /// <summary>The file that Import-RabbitDefinitions -UndoPath wrote.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = "Path")]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <summary>The report that Import-RabbitDefinitions gave.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = "Report")]
    [ValidateNotNull]
    public ImportReport? Report { get; set; }

    /// <summary>Also removes and changes back what somebody changed since the import.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        ImportReport import = Report ?? Run(new DefinitionsFile(FilePath.Full(Path, SessionState.Path)).ReadReportAsync);
        DefinitionsImporter importer = new(Log);
        UndoPlan plan = Run(token => importer.PlanUndoAsync(OpenConnection().Options, import, Force, Progress, token));
        if (MayChange($"{plan.Summary}, on {plan.Target}", "Undo an import to RabbitMQ", out bool isWhatIf))
        {
            ImportReport report = Run(token => importer.UndoAsync(plan, Progress, token));
            foreach (RabbitBackupException failure in report.Items.Select(item => item.ToUndoException()).OfType<RabbitBackupException>())
            {
                WriteError(ErrorRecords.From(failure));
            }

            WriteObject(report);
        }
        else if (isWhatIf)
        {
            WriteObject(plan.Items, enumerateCollection: true);
        }
    }
}
