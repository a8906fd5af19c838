using System.Management.Automation;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Definitions;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Gets definitions (users, virtual hosts, permissions, policies, exchanges, queues, bindings) of a cluster, a backup or a file, as an object, into a file or into a store.</summary>
[Cmdlet(VerbsData.Export, "RabbitDefinitions", SupportsShouldProcess = true, DefaultParameterSetName = "Path")]
[OutputType(typeof(DefinitionsDocument), typeof(FileInfo), typeof(BackupManifest))]
public sealed class ExportRabbitDefinitionsCommand : DefinitionsCmdlet
{
    private DefinitionsDocument? _document;

    /// <summary>The file to write, as RabbitMQ's own tools read it. Without it and -Store the definitions are emitted as an object.</summary>
    [Parameter(Position = 0, ParameterSetName = "Path")]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>The store to write them to, as a backup without queues.</summary>
    [Parameter(Mandatory = true, ParameterSetName = "Store")]
    [StoreTransformation]
    [ValidateNotNull]
    public BackupStore? Store { get; set; }

    /// <summary>The id of the backup in the store. Default: made from the time.</summary>
    [Parameter(ParameterSetName = "Store")]
    [ValidateNotNullOrEmpty]
    public string? BackupId { get; set; }

    /// <summary>Definitions to write in place of those of a running cluster: a file, a backup, an object of definitions, single objects.</summary>
    [Parameter(ValueFromPipeline = true)]
    [DefinitionsSourceTransformation]
    [ValidateNotNull]
    public DefinitionsSource? InputObject { get; set; }

    /// <summary>Leaves out password hashes, and users and passwords in URIs of shovels and federation.</summary>
    [Parameter]
    public SwitchParameter RedactSecrets { get; set; }

    /// <summary>Replaces a file that is there.</summary>
    [Parameter(ParameterSetName = "Path")]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        if (InputObject is not null && Read(InputObject) is { } document)
        {
            Take(document);
        }
    }

    /// <inheritdoc/>
    protected override void End()
    {
        string? file = Path is null ? null : FilePath.Full(Path, SessionState.Path);
        if (file is not null && File.Exists(file) && !Force)
        {
            throw new ArgumentException($"'{file}' is there already: use -Force to replace it.", nameof(Path));
        }

        if (TakeSingles() is { } singles)
        {
            Take(singles);
        }

        if (_document is null && MyInvocation.ExpectingInput)
        {
            WriteWarning("Nothing came down the pipeline: there is nothing to export.");
            return;
        }

        string source = _document is null ? OpenConnection().ToString() : "what was given";
        DefinitionsDocument document = Edit(_document ?? ReadLive(OpenConnection()));
        if (Store is not null)
        {
            if (ShouldProcess(Store.ToString(), $"Store the definitions of {source}"))
            {
                WriteObject(Run(token => DefinitionsBackup.StoreAsync(Store, BackupId, document, TimeProvider.System, token)));
            }
        }
        else if (file is null)
        {
            WriteObject(document);
        }
        else if (ShouldProcess(file, $"Write the definitions of {source}"))
        {
            Run(token => new DefinitionsFile(file).WriteAsync(document.ToJson(), Force, token));

            // As Get-Item has it: on Unix PowerShell shows mode, owner and size from what its provider adds.
            WriteObject(InvokeProvider.Item.Get([$"Microsoft.PowerShell.Core\\FileSystem::{file}"], force: true, literalPath: true), enumerateCollection: true);
        }
    }

    private void Take(DefinitionsDocument document) => _document = _document is null
        ? document
        : throw new ArgumentException("Several sets of definitions came down the pipeline; they can't become one.", nameof(InputObject));

    private DefinitionsDocument Edit(DefinitionsDocument document)
    {
        CheckTarget(document);
        DefinitionsSelection selection = Selection;
        if (selection.VirtualHosts.Count == 0 && _document is null && OpenConnection().VirtualHost is { } only)
        {
            selection = selection with { VirtualHosts = [only] };
        }

        string[] transformations = RedactSecrets ? [.. Transform, nameof(RedactSecrets)] : Transform;
        DefinitionsEdit edit = new() { VirtualHost = TargetVirtualHost, Selection = selection, Transformations = transformations, Remapping = Remapping };
        if (edit.ChangesNothing)
        {
            // A file of one virtual host stays one, even if it does not tell which.
            return document;
        }

        TransformationResult result = edit.Apply(document);
        Warn(result.Document.Warnings);
        foreach (TransformationChange change in result.Changes)
        {
            WriteVerbose(change.ToString());
        }

        return result.Document;
    }
}
