namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// Pre-flight rules about delivery limits of quorum queues. Measured: before 4.3 every way of giving messages back counts, so a backup costs each message one of its lives, and the
/// 21st backup of an idle queue with the default limit of 4.0 would destroy it; from 4.3 only a crash of the reader counts.
/// </summary>
internal static class DeliveryLimitRules
{
    /// <summary>Reading stops at a message with this count; null for no stop.</summary>
    internal static long? StopAt(DeliveryLimit limit, bool releaseCounts, ReadSafetyOptions options)
    {
        if (limit.Value is not { } value)
        {
            return null;
        }

        // Where a release is free only a message at the limit itself is in danger: the socket that drops, or the process that dies, counts one.
        return releaseCounts ? Math.Max(0, value - (options.DeliveryLimitReserve ?? DeliveryLimit.DefaultReserve(value))) : value;
    }

    internal static IEnumerable<ReadFinding> Check(QueueInfo queue, ReadPlan plan, ReadSafetyOptions options)
    {
        if (plan is not { DeliveryLimit: { } limit, StopAtDeliveryCount: { } stop })
        {
            yield break;
        }

        if (limit == 0)
        {
            yield return ReadFinding.AtRisk("Its delivery limit is 0: a message that is given back even once is dropped or dead-lettered.");
        }
        else if (stop <= 0)
        {
            yield return ReadFinding.AtRisk($"Its delivery limit is {limit}, and the reserve for the application's own retries leaves nothing of it for a backup.");
        }
        else if (plan.ReleaseCounts)
        {
            yield return ReadFinding.Caution(Cost(queue, limit, stop, options));
        }
    }

    private static string Cost(QueueInfo queue, long limit, long stop, ReadSafetyOptions options)
    {
        string seen = options.LastHighestDeliveryCount?.Invoke(new(queue.VirtualHost, queue.Name)) is { } count
            ? $" The last backup saw a message with {count}."
            : "";
        return $"Each backup costs every message one of its {limit} deliveries (before RabbitMQ 4.3 every return counts); reading stops at a message with {stop}.{seen}";
    }
}
