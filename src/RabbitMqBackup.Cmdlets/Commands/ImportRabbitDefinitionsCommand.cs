using System.Management.Automation;
using RabbitMqBackup.Engine;
using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Puts definitions into a cluster and sees what became of them.</summary>
[Cmdlet(VerbsData.Import, "RabbitDefinitions", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High, DefaultParameterSetName = "Path")]
[OutputType(typeof(ImportReport), typeof(ImportItem))]
public sealed class ImportRabbitDefinitionsCommand : DefinitionsCmdlet
{
    private bool _undoIsKept;

    /// <summary>A file of definitions, from Export-RabbitDefinitions or RabbitMQ's own tools.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = "Path")]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <summary>What else definitions come from: an object from Export-RabbitDefinitions, single objects of it, a backup from Get-RabbitBackup, a file, another cluster.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = "InputObject")]
    [DefinitionsSourceTransformation]
    [ValidateNotNull]
    public DefinitionsSource? InputObject { get; set; }

    /// <summary>A file for Undo-RabbitImport, written before the import begins: what is to be done, and the target's definitions as they are.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? UndoPath { get; set; }

    /// <summary>Replaces a file that is there under -UndoPath.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        DefinitionsSource source = InputObject ?? DefinitionsSource.OfFile(FilePath.Full(Path, SessionState.Path));
        if (Read(source) is { } document)
        {
            Import(document);
        }
    }

    /// <inheritdoc/>
    protected override void End()
    {
        if (TakeSingles() is { } document)
        {
            Import(document);
        }
    }

    private void Import(DefinitionsDocument document)
    {
        CheckTarget(document);
        string? undo = UndoPath is null ? null : FilePath.Full(UndoPath, SessionState.Path);
        if (_undoIsKept || (undo is not null && File.Exists(undo) && !Force))
        {
            throw new ArgumentException(_undoIsKept ? "-UndoPath keeps one import, and more came down the pipeline." : $"'{undo}' is there already: use -Force to replace it.", nameof(UndoPath));
        }

        RabbitConnection connection = OpenConnection();
        ImportOptions options = new()
        {
            Broker = connection.Options,
            Document = document,
            Edit = new()
            {
                VirtualHost = TargetVirtualHost ?? (document.OriginalVirtualHost is null ? connection.VirtualHost : null),
                Selection = Selection,
                Transformations = Transform,
                Remapping = Remapping,
            },
        };
        DefinitionsImporter importer = new(Log);
        ImportPlan plan = Run(token => importer.PlanAsync(options, Progress, token));
        Warn(plan.Warnings);
        if (MayChange($"{plan.Summary}, on {plan.Target}", "Import definitions to RabbitMQ", out bool isWhatIf))
        {
            Keep(undo, plan.ToReport(), Force);
            ImportReport report = Run(token => importer.ExecuteAsync(plan, Progress, token));
            Keep(undo, report, replace: true);
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

    private void Keep(string? path, ImportReport report, bool replace)
    {
        if (path is not null)
        {
            Run(token => new DefinitionsFile(path).WriteAsync(ImportReportFile.Write(report), replace, token));
            _undoIsKept = true;
        }
    }
}
