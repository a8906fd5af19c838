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

    internal static IEnumerable<ReadFinding> Check(QueueInfo queue, ReadPlan plan, Version broker, ReadSafetyOptions options)
    {
        if (plan is not { DeliveryLimit: { } limit, StopAtDeliveryCount: { } stop })
        {
            if (plan is { ReleaseCounts: true, DeliveryLimit: null } && broker.Major < 4)
            {
                yield return Unlimited(options.LastRead?.Invoke(new(queue.VirtualHost, queue.Name))?.HighestDeliveryCount ?? 0);
            }

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
        else if (plan.ReleaseCounts && options.LastRead?.Invoke(new(queue.VirtualHost, queue.Name)) is { } last && last.HighestDeliveryCount + 1 >= stop && LooksUntouched(queue, last))
        {
            // To look again would cost deliveries that the reserve is there to keep.
            yield return ReadFinding.AtRisk(
                $"The last backup saw a message that had been given back {last.HighestDeliveryCount} times, and nobody seems to have used the queue since: with the limit of {limit}, " +
                $"reading stops at {stop}, to leave the rest for the application's own retries.");
        }
        else if (plan.ReleaseCounts)
        {
            yield return ReadFinding.Caution(Cost(queue, limit, stop, broker, options));
        }
    }

    /// <summary>The counts outlive an upgrade, the absence of a limit does not.</summary>
    private static ReadFinding Unlimited(long highestCount)
    {
        const string Upgrade = $"set delivery-limit to -1 by a policy when it is upgraded to RabbitMQ 4, which drops or dead-letters messages at 20 by default.";
        return highestCount + 1 < DeliveryLimit.Default - DeliveryLimit.DefaultReserve(DeliveryLimit.Default)
            ? ReadFinding.Note($"Each backup raises the delivery count of its messages by one, to which there is no limit here; {Upgrade}")
            : ReadFinding.Caution($"The last backup saw a message that had been given back {highestCount} times, to which there is no limit here; {Upgrade}");
    }

    /// <summary>Nobody is at work, and nothing was taken out: what the last backup read is still there.</summary>
    private static bool LooksUntouched(QueueInfo queue, LastRead last) => queue is { Consumers: 0, Unacknowledged: 0 } && queue.Messages >= last.Depth;

    private static string Cost(QueueInfo queue, long limit, long stop, Version broker, ReadSafetyOptions options)
    {
        string seen = options.LastRead?.Invoke(new(queue.VirtualHost, queue.Name)) is { } last
            ? $" The last backup saw a message with {last.HighestDeliveryCount}."
            : "";
        string why = broker < ReadSafety.UncountedNack ? "before RabbitMQ 4.3 every return counts" : "a member of it runs a RabbitMQ before 4.3, where every return counts, or gives no answer";
        return $"Each backup costs every message one of its {limit} deliveries ({why}); reading stops at a message with {stop}.{seen}";
    }
}
