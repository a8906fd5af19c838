namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// Versions of the state machine of quorum queues (<c>rabbit_fifo</c>) among the members of one: while a cluster is upgraded node by node the queue works as its oldest member does, whatever the version of the node
/// that was asked. 3.13 has 3, 4.0 has 5, 4.1 and 4.2 have 7, 4.3 has 8 (RabbitMQ's sources).
/// </summary>
/// <param name="Lowest">The oldest one; 0 where a member could not be asked, and it is not known that all nodes were upgraded.</param>
/// <param name="Highest">The newest one.</param>
internal readonly record struct MachineVersions(long Lowest, long Highest)
{
    private const long Of40 = 4;
    private const long Of43 = 8;

    /// <summary>The version that the queue works as when messages are given back: at most that of the node that was asked.</summary>
    internal static Version Oldest(QueueInfo queue, Version broker) => queue.Machines is not { } machines ? broker
        : machines.Lowest < Of40 && broker.Major >= 4 ? new(3, 13)
        : machines.Lowest < Of43 && broker >= ReadSafety.UncountedNack ? new(4, 2)
        : broker;

    /// <summary>The version whose defaults may be in force: at least that of the node that was asked.</summary>
    internal static Version Newest(QueueInfo queue, Version broker) => broker.Major < 4 && queue.Machines?.Highest >= Of40 ? new(4, 0) : broker;
}
