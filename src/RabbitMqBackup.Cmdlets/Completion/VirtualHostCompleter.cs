using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Cmdlets.Completion;

/// <summary>Completes names of virtual hosts that have queues.</summary>
internal sealed class VirtualHostCompleter() : QueueCompleter(queue => queue.VirtualHost)
{
    /// <inheritdoc/>
    private protected override QueueSelection Selection(IReadOnlyList<string> virtualHosts) => new();
}
