using System.Management.Automation;
using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Tells where two sets of definitions differ: files, backups, objects, running clusters.</summary>
[Cmdlet(VerbsData.Compare, "RabbitDefinitions")]
[OutputType(typeof(DefinitionDifference))]
public sealed class CompareRabbitDefinitionsCommand : DefinitionsCmdlet
{
    private DefinitionsDocument? _reference;

    /// <summary>What should be: a file, a backup, an object of definitions, a connection.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [DefinitionsSourceTransformation]
    [ValidateNotNull]
    public DefinitionsSource? Reference { get; set; }

    /// <summary>What is: the same kinds of source. Default: the running cluster of -Connection.</summary>
    [Parameter(Position = 1)]
    [DefinitionsSourceTransformation]
    [ValidateNotNull]
    public DefinitionsSource? Difference { get; set; }

    /// <inheritdoc/>
    protected override void Process()
    {
        if (Read(Reference!) is { } document)
        {
            _reference = _reference is null ? document : throw new ArgumentException("Several sets of definitions came down the pipeline; one can be compared.", nameof(Reference));
        }
    }

    /// <inheritdoc/>
    protected override void End()
    {
        if ((TakeSingles() ?? _reference) is not { } reference)
        {
            return;
        }

        RabbitConnection? live = Difference is null ? OpenConnection() : Difference.Connection is { } given ? Open(given) : null;
        DefinitionsDocument difference = live is not null ? ReadLive(live) : Read(Difference!) ?? TakeSingles()!;
        CheckTarget(reference, difference);
        DefinitionsPair pair = new()
        {
            VirtualHost = TargetVirtualHost ?? live?.VirtualHost,
            Selection = VirtualHost.Length == 0 && live?.VirtualHost is { } only ? Selection with { VirtualHosts = [only] } : Selection,
            Transformations = Transform,
            Remapping = Remapping,
        };
        foreach (DefinitionDifference found in pair.Compare(reference, difference))
        {
            WriteObject(found);
        }
    }
}
