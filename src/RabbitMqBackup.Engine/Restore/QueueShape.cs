using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>
/// How a restored queue is declared: as it was, or as another type, with what that type and the target's version can't have left out and listed. Which arguments a type refuses was measured on 3.10, 4.0
/// and 4.3.
/// </summary>
internal sealed record QueueShape
{
    private static readonly string[] OnlyClassic = ["x-max-priority", "x-queue-mode", "x-queue-version", "x-queue-master-locator", "x-ha-policy", "x-ha-nodes"];

    private static readonly string[] OnlyQuorum =
    [
        "x-delivery-limit", "x-quorum-initial-group-size", "x-quorum-target-group-size", "x-max-in-memory-length", "x-max-in-memory-bytes", "x-dead-letter-strategy", "x-consumer-timeout",
        "x-delayed-retry-type", "x-delayed-retry-min", "x-delayed-retry-max",
    ];

    private static readonly string[] OnlyStream = ["x-max-age", "x-stream-max-segment-size-bytes", "x-stream-filter-size-bytes", "x-initial-cluster-size"];

    private static readonly string[] NotStream =
    [
        "x-message-ttl", "x-expires", "x-dead-letter-exchange", "x-dead-letter-routing-key", "x-max-length", "x-overflow", "x-single-active-consumer",
    ];

    /// <summary><c>classic</c>, <c>quorum</c> or <c>stream</c>.</summary>
    public required string Type { get; init; }

    /// <summary>Survives a restart.</summary>
    public required bool Durable { get; init; }

    /// <summary>Deleted with its last consumer.</summary>
    public required bool AutoDelete { get; init; }

    /// <summary>Arguments.</summary>
    public required IReadOnlyDictionary<string, object?> Arguments { get; init; }

    /// <summary>What the queue had and can't have any more, for people.</summary>
    public IReadOnlyList<string> NotCarriedOver { get; init; } = [];

    /// <summary>The queue as it will be declared.</summary>
    /// <param name="entry">The queue as it was.</param>
    /// <param name="type">The type that it is to have, or null for its own.</param>
    /// <param name="target">The target's version.</param>
    internal static QueueShape Of(QueueEntry entry, string? type, Version target)
    {
        string wanted = type ?? entry.Type;
        Dictionary<string, object?> arguments = new(entry.Arguments);
        arguments.Remove("x-queue-type");
        List<string> lost = [];
        if (wanted != entry.Type)
        {
            lost.AddRange(wanted switch
            {
                QueueTypes.Quorum => Drop(arguments, [.. OnlyClassic, .. OnlyStream], "a quorum queue has no"),
                QueueTypes.Stream => Drop(arguments, [.. OnlyClassic, .. OnlyQuorum, .. NotStream], "a stream has no"),
                _ => Drop(arguments, [.. OnlyQuorum, .. OnlyStream], "a classic queue has no"),
            });
        }

        lost.AddRange(RefusedByTarget(arguments, target));
        bool replicated = wanted != QueueTypes.Classic;
        if (replicated && !entry.Durable)
        {
            lost.Add($"it was transient: a {wanted} queue is durable");
        }

        if (replicated && entry.AutoDelete)
        {
            lost.Add($"it was deleted with its last consumer: a {wanted} queue stays");
        }

        if (wanted == QueueTypes.Quorum && arguments.GetValueOrDefault("x-overflow") is "reject-publish-dlx")
        {
            arguments["x-overflow"] = "reject-publish";
            lost.Add("x-overflow reject-publish-dlx becomes reject-publish: a quorum queue does not dead-letter what it rejects");
        }

        return new QueueShape
        {
            Type = wanted,
            Durable = entry.Durable || replicated,
            AutoDelete = entry.AutoDelete && !replicated,
            Arguments = arguments,
            NotCarriedOver = lost,
        };
    }

    /// <summary>The same without what makes messages vanish: for a trial, after which every message has to be there.</summary>
    internal QueueShape WithoutLimits() => this with
    {
        AutoDelete = false,
        Arguments = Arguments.Where(argument => !NotStream.Contains(argument.Key) && argument.Key is not ("x-max-length-bytes" or "x-max-age")).ToDictionary(),
    };

    /// <summary>What a change of type means for the messages, for people.</summary>
    internal static IEnumerable<string> MessageChanges(string from, string to, Version target)
    {
        if (from == to)
        {
            yield break;
        }

        if (to == QueueTypes.Quorum && target < new Version(4, 0))
        {
            yield return "Priorities of messages have no effect in a quorum queue before 4.0.";
        }

        if (to == QueueTypes.Quorum && target >= new Version(4, 0))
        {
            yield return "A quorum queue drops or dead-letters a message after 20 returns unless x-delivery-limit or a policy says otherwise.";
        }

        if (to == QueueTypes.Stream)
        {
            yield return "A stream has no priorities and no time to live of messages, and keeps messages after they were read.";
        }
    }

    /// <summary>Arguments that some versions refuse for any type. Measured: 4.3 refuses x-queue-version 1 (406), 4.x knows no mirroring.</summary>
    private static IEnumerable<string> RefusedByTarget(Dictionary<string, object?> arguments, Version target)
    {
        if (target >= new Version(4, 3) && arguments.TryGetValue("x-queue-version", out object? version) && ArgumentValue.AreEqual(version, 1L))
        {
            arguments.Remove("x-queue-version");
            yield return "x-queue-version 1 is gone from RabbitMQ 4.3: the queue gets version 2";
        }

        if (target >= new Version(4, 0))
        {
            foreach (string loss in Drop(arguments, ["x-ha-policy", "x-ha-nodes"], "RabbitMQ 4 has no"))
            {
                yield return loss;
            }
        }
    }

    private static List<string> Drop(Dictionary<string, object?> arguments, string[] names, string reason)
    {
        List<string> lost = [];
        foreach (string name in names)
        {
            if (arguments.Remove(name, out object? value))
            {
                lost.Add($"{reason} {name} (it was {ArgumentValue.Display(value)})");
            }
        }

        return lost;
    }
}
