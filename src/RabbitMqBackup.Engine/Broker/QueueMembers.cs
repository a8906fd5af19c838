namespace RabbitMqBackup.Engine.Broker;

/// <summary>Asks which versions the members of quorum queues run; see <see cref="MachineVersions"/>.</summary>
internal sealed class QueueMembers(ManagementClient management)
{
    /// <summary>Flags that can be enabled only when every node has the version: from then on none is older.</summary>
    private static readonly (Version From, string Flag)[] Upgrades = [(new(4, 3), "rabbitmq_4.3.0"), (new(4, 0), "rabbitmq_4.0.0")];

    /// <summary>A flag that is enabled stays so.</summary>
    private bool _isUpgraded;

    /// <summary>The queue with its members' versions.</summary>
    /// <exception cref="RabbitBackupException">The management API can't be used.</exception>
    internal async Task<QueueInfo> AskAsync(QueueInfo queue, Version broker, CancellationToken cancellationToken)
    {
        if (queue.Type != QueueTypes.Quorum)
        {
            return queue;
        }

        IReadOnlyList<long?> members = await management.GetMachineVersionsAsync(new(queue.VirtualHost, queue.Name), cancellationToken).ConfigureAwait(false);
        List<long> known = [.. members.OfType<long>()];
        bool mayBeOlder = known.Count < Math.Max(1, members.Count) && broker.Major >= 4 && !await AreUpgradedAsync(broker, cancellationToken).ConfigureAwait(false);
        return known.Count == 0 && !mayBeOlder ? queue : queue with { Machines = new(mayBeOlder ? 0 : known.Min(), known.Count == 0 ? 0 : known.Max()) };
    }

    /// <summary>The same for one of many that are only looked at: asked of each only while nodes are being upgraded.</summary>
    internal async Task<QueueInfo> AskWhileUpgradingAsync(QueueInfo queue, Version broker, CancellationToken cancellationToken) =>
        queue.Type != QueueTypes.Quorum || broker.Major < 4 || await AreUpgradedAsync(broker, cancellationToken).ConfigureAwait(false)
            ? queue
            : await AskAsync(queue, broker, cancellationToken).ConfigureAwait(false);

    private async Task<bool> AreUpgradedAsync(Version broker, CancellationToken cancellationToken) =>
        _isUpgraded = _isUpgraded || await management.IsFeatureEnabledAsync(Upgrades.First(upgrade => broker >= upgrade.From).Flag, cancellationToken).ConfigureAwait(false);
}
