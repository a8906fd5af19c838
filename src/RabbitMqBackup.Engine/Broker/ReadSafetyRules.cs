namespace RabbitMqBackup.Engine.Broker;

/// <summary>The pre-flight check's rules, one fact each. "Measured" means: with brokers 3.10.8, 4.0.5 and 4.3.6, and tested against them.</summary>
internal static class ReadSafetyRules
{
    /// <summary>Measured: every access from another connection is answered with 405 RESOURCE_LOCKED.</summary>
    internal static ReadFinding? Exclusive(QueueInfo queue, Version broker) => queue.Exclusive
        ? ReadFinding.Unreadable(ErrorCode.QueueInUse, "It is exclusive to one connection; no other may read it.")
        : null;

    /// <summary>The leader's node is down, the queue crashed or was stopped, or a quorum queue has no majority: no read is answered.</summary>
    internal static ReadFinding? NotAvailable(QueueInfo queue, Version broker)
    {
        if (queue.State is "down" or "stopped" or "crashed" or "terminated" or "minority" or "noproc")
        {
            return ReadFinding.Unreadable(ErrorCode.QueueUnavailable, $"Its state is '{queue.State}'{(queue.Node.Length > 0 ? $" (node {queue.Node})" : "")}.");
        }

        bool minority = queue.Type is QueueTypes.Quorum && queue.Members.Count > 0 && queue.Online.Count * 2 <= queue.Members.Count;
        return minority
            ? ReadFinding.Unreadable(ErrorCode.QueueUnavailable, $"Only {queue.Online.Count} of its {queue.Members.Count} replicas are up: it has no majority.")
            : null;
    }

    /// <summary>Queue types of plugins (MQTT QoS 0, JMS, ...) were not measured.</summary>
    internal static ReadFinding? UnknownType(QueueInfo queue, Version broker) => queue.Type is QueueTypes.Classic or QueueTypes.Quorum or QueueTypes.Stream
        ? null
        : ReadFinding.Unreadable(ErrorCode.QueueAtRisk, $"What reading does to a queue of type '{queue.Type}' is not known.");

    /// <summary>Measured on 3.10: the argument -1 is accepted, and every message is dropped at its first return, whatever the way.</summary>
    internal static ReadFinding? UnlimitedArgumentBefore40(QueueInfo queue, Version broker) =>
        queue.Type == QueueTypes.Quorum && MachineVersions.Oldest(queue, broker) is { Major: < 4 } oldest && queue.Arguments.GetValueOrDefault("x-delivery-limit") is < 0L
            ? ReadFinding.Unreadable(ErrorCode.QueueAtRisk, $"It was declared with x-delivery-limit -1, with which RabbitMQ {oldest} drops every message at its first return.")
            : null;

    /// <summary>
    /// Measured: with an active consumer a further one receives nothing, and basic.get is refused (405). Without one the backup's consumer becomes the active one, alone:
    /// more consumers on the channel receive nothing, so that at most 65,535 messages can be held.
    /// </summary>
    internal static ReadFinding? SingleActiveConsumerOfQuorum(QueueInfo queue, Version broker)
    {
        if (queue.Type != QueueTypes.Quorum || !IsSingleActiveConsumer(queue))
        {
            return null;
        }

        return queue.HasActiveConsumer || Math.Min(queue.Consumers, queue.KnownConsumers ?? queue.Consumers) > 0
            ? ReadFinding.Unreadable(ErrorCode.QueueInUse, "It has a single active consumer at work; a quorum queue gives its messages to nobody else.")
            : ReadFinding.Caution("It takes a single active consumer: while it is read no application can become that, and at most 65,535 messages can be read.");
    }

    /// <summary>Measured: a consumer beside the active one receives nothing, basic.get works. A consumer of ours could also become the active one and keep the application's waiting.</summary>
    internal static ReadFinding? SingleActiveConsumerOfClassic(QueueInfo queue, Version broker) => queue.Type == QueueTypes.Classic && IsSingleActiveConsumer(queue)
        ? ReadFinding.Note("It takes a single active consumer, so it is read with basic.get, which is slower.")
        : null;

    /// <summary>Measured: a further consumer is refused (403), basic.get works. Only classic queues know exclusive consumers.</summary>
    internal static ReadFinding? ExclusiveConsumer(QueueInfo queue, Version broker) => queue.Type == QueueTypes.Classic && queue.HasExclusiveConsumer
        ? ReadFinding.Note("A consumer holds it exclusively, so it is read with basic.get, which is slower.")
        : null;

    /// <summary>Measured: a consumer that leaves as the last one deletes the queue with all its messages; basic.get never does.</summary>
    internal static ReadFinding? AutoDelete(QueueInfo queue, Version broker) => queue is { Type: QueueTypes.Classic, AutoDelete: true }
        ? ReadFinding.Note("It is deleted with its last consumer, so it is read with basic.get, which is slower.")
        : null;

    /// <summary>
    /// Measured with the plugin on 4.0, and so in the sources of 3.10 to 4.3: an application that consumes by the exchange's name gets the shard that has the fewest consumers at that moment, and keeps it
    /// (rabbit_sharding_interceptor). Consumers of ours would send it away, and leave the shard without one when they go.
    /// </summary>
    internal static ReadFinding? Shard(QueueInfo queue, Version broker) => IsShard(queue)
        ? ReadFinding.Note("It is a shard, and the broker gives applications the one with the fewest consumers, so it is read with basic.get, which is slower.")
        : null;

    /// <summary>What lies upstream is another cluster's, or comes with a backup of that.</summary>
    internal static ReadFinding? Federated(QueueInfo queue, Version broker) => queue.Type != QueueTypes.Stream && IsFederated(queue)
        ? ReadFinding.Note("It is federated: what waits upstream stays there and is not in the backup. It is read after all consumers that can take messages.")
        : null;

    /// <summary>
    /// Measured on 3.10, 4.0 and 4.3: a classic queue that is empty and has a consumer to take more fetches all that lies upstream; a consumer of a priority below zero does not count (rabbit_federation_queue).
    /// </summary>
    internal static bool IsFederated(QueueInfo queue) => queue.EffectivePolicy.Keys.Any(key => key.StartsWith("federation-upstream", StringComparison.Ordinal));

    /// <summary>
    /// Measured on 4.3: types <c>all</c> and <c>returned</c> hide what a nack returns until the delay is over, <c>failed</c> what a closed channel (a crash of the reader) returns. Messages come
    /// back by themselves. Other versions ignore the setting.
    /// </summary>
    internal static ReadFinding? DelayedRetry(QueueInfo queue, Version broker)
    {
        if (queue.Type != QueueTypes.Quorum || broker < ReadSafety.UncountedNack)
        {
            return null;
        }

        return Setting(queue, "delayed-retry-type") switch
        {
            "all" or "returned" => ReadFinding.AtRisk("Its delayed retry hides every message that is given back: consumers would not see them until the delay is over."),
            "failed" => ReadFinding.Caution("If the backup dies, its delayed retry hides the messages that were held until the delay is over."),
            _ => null,
        };
    }

    /// <summary>Measured: messages that the backup holds are not delivered to consumers until they are given back, then with the redelivered flag; none is lost or doubled.</summary>
    internal static ReadFinding? LiveConsumers(QueueInfo queue, Version broker) => queue.Consumers > 0 && !queue.Exclusive
        ? ReadFinding.Caution($"{queue.Consumers} consumer(s) will not get the messages that the backup holds until it gives them back.")
        : null;

    /// <summary>What a consumer holds can't be read by anybody else.</summary>
    internal static ReadFinding? HeldByConsumers(QueueInfo queue, Version broker) => queue.Unacknowledged > 0 && queue.Type != QueueTypes.Stream
        ? ReadFinding.Caution($"About {queue.Unacknowledged} message(s) are held unacknowledged by consumers and will not be in the backup unless they come back in time.")
        : null;

    /// <summary>Messages in a delayed retry are not ready, so nobody can read them.</summary>
    internal static ReadFinding? HiddenByDelayedRetry(QueueInfo queue, Version broker) => queue.Delayed > 0
        ? ReadFinding.Caution($"About {queue.Delayed} message(s) wait for a delayed retry and will not be in the backup.")
        : null;

    /// <summary>Measured on 3.10, 4.0 and 4.3: a quorum queue that dead-letters at least once keeps a message until a queue has taken it, for nobody to read; where none is bound, for ever.</summary>
    internal static ReadFinding? WaitingToBeDeadLettered(QueueInfo queue, Version broker) => queue.DeadLettering > 0
        ? ReadFinding.Caution($"About {queue.DeadLettering} message(s) wait to be dead-lettered and will not be in the backup unless the queue that they go to is; see that one is bound to its dead-letter exchange.")
        : null;

    /// <summary>
    /// Measured on 4.0 and 4.3: a quorum queue delivers what it was given back before it looks at any priority (rabbit_fifo, <c>take_next_msg</c>). What comes later waits behind it, however urgent. Classic queues sort
    /// it in again.
    /// </summary>
    internal static ReadFinding? Priorities(QueueInfo queue, Version broker) => queue.Type == QueueTypes.Quorum && queue.Prioritized > 0
        ? ReadFinding.Caution($"About {queue.Prioritized} message(s) have a priority: what is given back goes before all that is published afterwards, also before what is more urgent.")
        : null;

    /// <summary>Measured: a held message does not expire; at its return one past its time goes at once, dead-lettered or dropped. A consumer could have had it in between.</summary>
    internal static ReadFinding? TimeToLive(QueueInfo queue, Version broker)
    {
        if (queue.Type == QueueTypes.Stream || Smallest(queue, "message-ttl") is not { } milliseconds)
        {
            return null;
        }

        return ReadFinding.Caution($"Its messages live {Duration(milliseconds)}; those whose time runs out while the backup holds them expire when they are given back.");
    }

    /// <summary>Measured: consuming and basic.get count as use; a read prolongs the life of such a queue, never shortens it.</summary>
    internal static ReadFinding? Expires(QueueInfo queue, Version broker) => Smallest(queue, "expires") is { } milliseconds
        ? ReadFinding.Caution($"It is deleted when nobody uses it for {Duration(milliseconds)}; a backup counts as use and starts that time anew.")
        : null;

    /// <summary>
    /// Measured: held messages do not count towards the length. drop-head: what is published meanwhile is accepted, and at the return the oldest go, as they would have without the backup.
    /// reject-publish: publishes are accepted that a full queue would have refused.
    /// </summary>
    internal static ReadFinding? MaxLength(QueueInfo queue, Version broker)
    {
        if (queue.Type == QueueTypes.Stream || (Smallest(queue, "max-length") is null && Smallest(queue, "max-length-bytes") is null))
        {
            return null;
        }

        return Setting(queue, "overflow") is "reject-publish" or "reject-publish-dlx"
            ? ReadFinding.Caution("Its length is limited, and messages that the backup holds do not count: publishers can fill it beyond the limit meanwhile.")
            : ReadFinding.Caution("Its length is limited, and messages that the backup holds do not count: what is published beyond the limit meanwhile pushes out the oldest only at the end.");
    }

    /// <summary>A time-out that the queue or its policy sets is shown, since it bounds what a backup can reach.</summary>
    internal static ReadFinding? ConsumerTimeout(QueueInfo queue, Version broker) => ConsumerTimeouts.Configured(queue, broker) is { } timeout && timeout < ConsumerTimeouts.Default
        ? ReadFinding.Caution($"Its consumer time-out is {Duration((long)timeout.TotalMilliseconds)}: what is not read and given back by then is left out.")
        : null;

    /// <summary>Reading a stream changes nothing in it; it needs its own reader, since offsets and chunks are not messages of a queue.</summary>
    internal static IEnumerable<ReadFinding> Stream(ReadSafetyOptions options) => options.ReadsStreams
        ? []
        : [ReadFinding.Unreadable(ErrorCode.QueueAtRisk, "Streams are not backed up yet.")];

    /// <summary>A consumer would do harm, be refused, or receive nothing.</summary>
    internal static bool NeedsGet(QueueInfo queue) =>
        queue.Type == QueueTypes.Classic && (queue.AutoDelete || queue.HasExclusiveConsumer || IsSingleActiveConsumer(queue) || IsShard(queue));

    /// <summary>So the plugin rabbitmq_sharding names the queues that it declares; all are classic.</summary>
    private static bool IsShard(QueueInfo queue) => queue.Type == QueueTypes.Classic && queue.Name.StartsWith("sharding: ", StringComparison.Ordinal);

    /// <summary>Messages of a higher priority are delivered before others: on classic queues made so, and on every quorum queue from 4.0 on (measured; 3.10 takes no notice of priorities there).</summary>
    internal static bool HasPriorities(QueueInfo queue, Version broker) =>
        queue.Type == QueueTypes.Quorum ? broker.Major >= 4 : queue.Arguments.GetValueOrDefault("x-max-priority") is > 0L;

    /// <summary>Messages that are given back can be gone at once.</summary>
    internal static bool MayShrink(QueueInfo queue) => Smallest(queue, "message-ttl") is not null || Smallest(queue, "max-length") is not null || Smallest(queue, "max-length-bytes") is not null;

    internal static bool IsSingleActiveConsumer(QueueInfo queue) => queue.Arguments.GetValueOrDefault("x-single-active-consumer") is true;

    /// <summary>A setting that an argument (with the prefix <c>x-</c>) or a policy can give; the argument comes first.</summary>
    private static string? Setting(QueueInfo queue, string key) => (queue.Arguments.GetValueOrDefault("x-" + key) ?? queue.EffectivePolicy.GetValueOrDefault(key)) as string;

    /// <summary>A number that an argument or a policy can give; the smaller one is in force.</summary>
    private static long? Smallest(QueueInfo queue, string key) =>
        (queue.Arguments.GetValueOrDefault("x-" + key) as long?, queue.EffectivePolicy.GetValueOrDefault(key) as long?) switch
        {
            ({ } argument, { } policy) => Math.Min(argument, policy),
            ({ } argument, null) => argument,
            (null, var policy) => policy,
        };

    private static string Duration(long milliseconds) => milliseconds switch
    {
        < 10_000 => $"{milliseconds} ms",
        < 600_000 => $"{milliseconds / 1000} s",
        < 36_000_000 => $"{milliseconds / 60_000} min",
        _ => $"{milliseconds / 3_600_000} h",
    };
}
