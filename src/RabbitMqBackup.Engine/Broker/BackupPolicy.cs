namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// A policy that a backup has set to raise the delivery limit of one queue, since messages that it held would have been dropped when they were given back. It repeats every other key of
/// the policy that was in force. It stays until somebody removes it: without it those messages are dropped or dead-lettered the next time they are given back.
/// </summary>
public sealed record BackupPolicy
{
    /// <summary>What the names of these policies begin with; the queue's name follows.</summary>
    internal const string Prefix = "RabbitMqBackup delivery limit: ";

    internal const string LimitKey = "delivery-limit";

    /// <summary>Its virtual host.</summary>
    public required string VirtualHost { get; init; }

    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>The queue that it is for.</summary>
    public required string Queue { get; init; }

    /// <summary>Its priority.</summary>
    public required long Priority { get; init; }

    /// <summary>The delivery limit that it sets.</summary>
    public required long DeliveryLimit { get; init; }

    /// <summary>The delivery limit that is in force without it; null for none, or where the queue is gone.</summary>
    public long? DeliveryLimitWithout { get; init; }

    /// <summary>Ready messages of the queue; null where it is gone. The management API is some seconds late.</summary>
    public long? Messages { get; init; }

    /// <summary>What its removal means.</summary>
    public string Consequence => Messages switch
    {
        null => "Its queue is gone: the policy has no effect.",
        0 => "Its queue is empty as far as the management API knows: no message depends on it.",
        _ when DeliveryLimitWithout is { } limit =>
            $"Of the {Messages} message(s) in the queue those that were given back {limit} times or more are dropped or dead-lettered the next time they are given back.",
        _ => "No other limit is in force: no message is lost by its removal.",
    };

    /// <inheritdoc/>
    public override string ToString() => $"{VirtualHost}/{Name}";

    internal static bool IsOurs(PolicyRule rule) => rule.Name.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>The rule that raises a queue's limit: above the user policy in force, with all its other keys.</summary>
    internal static PolicyRule Raise(QueueName queue, PolicyRule? inForce, long limit) => new()
    {
        VirtualHost = queue.VirtualHost,
        Name = Prefix + queue.Name,
        Pattern = $"^{ManagementClient.ErlangRegexEscape(queue.Name)}$",
        // 3.10 knows no policies for quorum queues alone.
        ApplyTo = "queues",
        Priority = inForce is null ? 0 : IsOurs(inForce) ? inForce.Priority : inForce.Priority + 1,
        Definition = new Dictionary<string, object?>(inForce?.Definition ?? new Dictionary<string, object?>()) { [LimitKey] = limit },
    };
}
