namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// The pre-flight check: what reading a queue without acknowledging would do to it, from facts alone, without IO. Each rule rests on measurements with brokers 3.10, 4.0 and 4.3
/// (docs/SAFETY.md); a version between two of them is treated as the older one. That every message that was read and given back has its redelivered flag set is so on
/// every queue of every version, and no verdict by itself.
/// </summary>
internal static class ReadSafety
{
    /// <summary>From here a nack with requeue does not count as a delivery attempt, and keeps the order of quorum queues.</summary>
    internal static readonly Version UncountedNack = new(4, 3);

    private static readonly Func<QueueInfo, Version, ReadFinding?>[] Rules =
    [
        ReadSafetyRules.Exclusive,
        ReadSafetyRules.NotAvailable,
        ReadSafetyRules.UnknownType,
        ReadSafetyRules.UnlimitedArgumentBefore40,
        ReadSafetyRules.SingleActiveConsumerOfQuorum,
        ReadSafetyRules.SingleActiveConsumerOfClassic,
        ReadSafetyRules.ExclusiveConsumer,
        ReadSafetyRules.AutoDelete,
        ReadSafetyRules.Shard,
        ReadSafetyRules.Federated,
        ReadSafetyRules.DelayedRetry,
        ReadSafetyRules.LiveConsumers,
        ReadSafetyRules.HeldByConsumers,
        ReadSafetyRules.HiddenByDelayedRetry,
        ReadSafetyRules.WaitingToBeDeadLettered,
        ReadSafetyRules.Priorities,
        ReadSafetyRules.TimeToLive,
        ReadSafetyRules.Expires,
        ReadSafetyRules.MaxLength,
    ];

    /// <summary>Decides about one queue.</summary>
    internal static ReadDecision Decide(QueueInfo queue, Version broker, ReadSafetyOptions options)
    {
        List<ReadFinding> findings = [.. Rules.Select(rule => rule(queue, broker)).OfType<ReadFinding>()];
        if (queue.Type == QueueTypes.Stream)
        {
            findings.AddRange(ReadSafetyRules.Stream(options));
            return Decision(findings, null);
        }

        ReadPlan plan = Plan(queue, broker, options);
        findings.AddRange(DeliveryLimitRules.Check(queue, plan, broker, options));
        if (ReadSafetyRules.ConsumerTimeout(queue, MachineVersions.Oldest(queue, broker)) is { } finding)
        {
            findings.Add(finding);
        }

        return Decision(findings, plan);
    }

    private static ReadDecision Decision(List<ReadFinding> findings, ReadPlan? plan)
    {
        ReadFinding? unreadable = findings.Find(finding => finding.IsUnreadable);
        return new()
        {
            Verdict = findings.Count == 0 ? ReadVerdict.Safe : findings.Max(finding => finding.Verdict),
            Reasons = unreadable is null ? [.. findings.OrderByDescending(finding => finding.Verdict).Select(finding => finding.Reason)] : [unreadable.Reason],
            Plan = unreadable is null ? plan : null,
            SkipCode = (unreadable ?? findings.Find(finding => finding.Code is not null))?.Code,
        };
    }

    private static ReadPlan Plan(QueueInfo queue, Version broker, ReadSafetyOptions options)
    {
        bool quorum = queue.Type == QueueTypes.Quorum;
        Version oldest = MachineVersions.Oldest(queue, broker);
        bool nack = quorum && oldest >= UncountedNack;
        DeliveryLimit limit = DeliveryLimit.Of(queue, MachineVersions.Newest(queue, broker));
        return new()
        {
            Method = ReadSafetyRules.NeedsGet(queue) ? QueueReadMethod.Get : QueueReadMethod.Consume,
            // Channel close keeps the order everywhere; a nack does only from 4.3, where in turn it is not counted.
            Release = nack ? QueueReleaseMethod.Nack : QueueReleaseMethod.ChannelClose,
            MaxConsumers = ReadSafetyRules.IsSingleActiveConsumer(queue) ? 1 : 31,
            EndsOnFailover = queue.Type == QueueTypes.Classic && broker.Major < 4,
            Yields = ReadSafetyRules.IsFederated(queue),
            ConsumerTimeout = nack ? ConsumerTimeouts.Argument(options) : null,
            MaxHold = ConsumerTimeouts.MaxHold(queue, oldest, options),
            ReleaseCounts = quorum && !nack,
            CountsAcquisitions = quorum && !nack && broker >= UncountedNack,
            DeliveryLimit = limit.Value,
            StopAtDeliveryCount = DeliveryLimitRules.StopAt(limit, releaseCounts: !nack, options),
            LimitCanBeRaised = limit is { Value: not null, IsArgument: false },
        };
    }
}
