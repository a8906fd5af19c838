using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Verification;

/// <summary>How to try a restore out.</summary>
public sealed record DrillOptions
{
    /// <summary>The cluster to try it on. The user needs the tag <c>administrator</c>: a virtual host is created and deleted.</summary>
    public required BrokerOptions Broker { get; init; }

    /// <summary>How many of the queues to restore, drawn by chance: <c>10%</c> (of those that have messages, one at least) or <c>5</c>. Default: all.</summary>
    public string? Sample { get; init; }

    /// <summary>Queues restored at the same time. Default 4; 1 to 64.</summary>
    public int MaxConcurrentQueues { get; init; } = 4;
}
