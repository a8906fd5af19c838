using System.Management.Automation;
using RabbitMqBackup.Engine;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Puts definitions into a cluster and sees what became of them.</summary>
[Cmdlet(VerbsData.Import, "RabbitDefinitions", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High, DefaultParameterSetName = "Path")]
[OutputType(typeof(ImportReport), typeof(ImportItem))]
public sealed class ImportRabbitDefinitionsCommand : BrokerCmdlet
{
    /// <summary>A file of definitions, from Export-RabbitDefinitions or RabbitMQ's own tools.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = "Path")]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <summary>Definitions from Export-RabbitDefinitions.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = "Definitions")]
    [ValidateNotNull]
    public DefinitionsDocument? Definitions { get; set; }

    /// <summary>Backups from Get-RabbitBackup; their definitions are imported.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = "Manifest")]
    [ValidateNotNull]
    public BackupManifest? Manifest { get; set; }

    /// <summary>Where the objects of a file of one virtual host go. Default: the name that the file has for it.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? VirtualHost { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        ImportOptions options = new() { Broker = OpenConnection().Options, Document = Document(), VirtualHost = VirtualHost };
        DefinitionsImporter importer = new(Log);
        ImportPlan plan = Run(token => importer.PlanAsync(options, token));
        foreach (string warning in plan.Warnings)
        {
            WriteWarning(warning);
        }

        if (MayChange($"{plan.Summary}, on {plan.Target}", "Import definitions to RabbitMQ", out bool isWhatIf))
        {
            ImportReport report = Run(token => importer.ExecuteAsync(plan, Progress, token));
            foreach (RabbitBackupException failure in report.Items.Select(item => item.ToException()).OfType<RabbitBackupException>())
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

    private DefinitionsDocument Document()
    {
        switch (ParameterSetName)
        {
            case "Definitions":
                return Definitions!;
            case "Manifest":
                return Run(token => StoredBackups.ReadDefinitionsAsync(Manifest!, token));
            default:
                DefinitionsFile file = new(SessionState.Path.GetUnresolvedProviderPathFromPSPath(Path));
                return Run(file.ReadAsync);
        }
    }
}
