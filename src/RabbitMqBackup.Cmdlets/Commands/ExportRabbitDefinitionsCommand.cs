using System.Management.Automation;
using RabbitMqBackup.Cmdlets.Completion;
using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Gets the definitions of a cluster: users, virtual hosts, permissions, policies, exchanges, queues, bindings.</summary>
[Cmdlet(VerbsData.Export, "RabbitDefinitions", SupportsShouldProcess = true)]
[OutputType(typeof(DefinitionsDocument), typeof(FileInfo))]
public sealed class ExportRabbitDefinitionsCommand : BrokerCmdlet
{
    /// <summary>The file to write, as RabbitMQ's own tools read it. Without it the definitions are emitted as an object.</summary>
    [Parameter(Position = 0)]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    /// <summary>Virtual hosts, with wildcards; users and other cluster-wide objects are left out then. Default: the connection's, else everything.</summary>
    [Parameter]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(VirtualHostCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] VirtualHost { get; set; } = [];

    /// <summary>Replaces a file that is there.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <inheritdoc/>
    protected override void End()
    {
        string? file = Path is null ? null : SessionState.Path.GetUnresolvedProviderPathFromPSPath(Path);
        if (file is not null && File.Exists(file) && !Force)
        {
            throw new ArgumentException($"'{file}' is there already: use -Force to replace it.", nameof(Path));
        }

        RabbitConnection connection = OpenConnection();
        DefinitionsSelection selection = new() { VirtualHosts = VirtualHost.Length == 0 && connection.VirtualHost is { } only ? [only] : VirtualHost };
        DefinitionsDocument document = Run(token => DefinitionsExporter.ExportAsync(connection.Options, selection, token));
        if (file is null)
        {
            WriteObject(document);
        }
        else if (ShouldProcess(file, $"Write the definitions of {connection}"))
        {
            Run(token => new DefinitionsFile(file).WriteAsync(document, Force, token));
            WriteObject(new FileInfo(file));
        }
    }
}
