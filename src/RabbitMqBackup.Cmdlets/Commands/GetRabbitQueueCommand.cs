using System.Management.Automation;
using RabbitMqBackup.Cmdlets.Completion;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Cmdlets.Commands;

/// <summary>Lists queues, with what the pre-flight check says of reading them.</summary>
[Cmdlet(VerbsCommon.Get, "RabbitQueue")]
[OutputType(typeof(QueueInfo))]
public sealed class GetRabbitQueueCommand : BrokerCmdlet
{
    /// <summary>Names of queues, with wildcards. Default: all.</summary>
    [Parameter(Position = 0)]
    [Alias("Queue")]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(QueueNameCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] Name { get; set; } = [];

    /// <summary>Virtual hosts, with wildcards. Default: the connection's, else all.</summary>
    [Parameter]
    [SupportsWildcards]
    [ArgumentCompleter(typeof(VirtualHostCompleter))]
    [ValidateNotNullOrEmpty]
    public string[] VirtualHost { get; set; } = [];

    /// <summary>Types of queues. Default: all.</summary>
    [Parameter]
    [Alias("QueueType")]
    [ValidateSet("classic", "quorum", "stream")]
    public string[] Type { get; set; } = [];

    /// <inheritdoc/>
    protected override void End()
    {
        RabbitConnection connection = OpenConnection();
        QueueSelection selection = new()
        {
            Names = Name,
            VirtualHosts = VirtualHost.Length == 0 && connection.VirtualHost is { } only ? [only] : VirtualHost,
            Types = [.. Type.Select(type => type.ToLowerInvariant())],
        };
        RunEach(token => QueueListing.ListAsync(connection.Options, selection, PostError, token), queue => WriteObject(WithConnection(queue, connection)));
    }

    /// <summary>Carries the connection along, so that Backup-RabbitMq reads from the cluster that the queue was listed on.</summary>
    private static PSObject WithConnection(QueueInfo queue, RabbitConnection connection)
    {
        PSObject carrier = new(queue);
        carrier.Properties.Add(new PSNoteProperty("Connection", connection));
        return carrier;
    }
}
