using System.Text.Json;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>Answers of the management API as objects. Brokers 3.10 to 4.3 differ in what they leave out; nothing here takes a member for granted.</summary>
internal static class ManagementJson
{
    /// <summary>Null where it is not an overview.</summary>
    internal static ClusterOverview? Overview(JsonElement json)
    {
        string version = json.Text("rabbitmq_version") ?? "";
        return ParseVersion(version) is { } number
            ? new()
            {
                ClusterName = json.Text("cluster_name") ?? "",
                RabbitMqVersion = version,
                Version = number,
                Node = json.Text("node") ?? "",
                Listeners = [.. json.Member("listeners").Items().Select(Listener)],
            }
            : null;
    }

    /// <summary>Statistics are missing, and with them the policy in force: a queue younger than its first statistics, or a broker without them.</summary>
    internal static bool NeedsPolicies(JsonElement queue) => queue.Member("effective_policy_definition").ValueKind == JsonValueKind.Undefined;

    internal static QueueInfo Queue(JsonElement json, EffectivePolicy? policies)
    {
        QueueName name = new(json.Text("vhost") ?? "", json.Text("name") ?? "");
        string type = json.Text("type") ?? QueueTypes.Classic;
        return new()
        {
            Name = name.Name,
            VirtualHost = name.VirtualHost,
            Type = type,
            Messages = json.Integer("messages_ready") ?? 0,
            Unacknowledged = json.Integer("messages_unacknowledged") ?? 0,
            MessageBytes = json.Integer("message_bytes_ready") ?? 0,
            Delayed = json.Integer("messages_delayed") ?? 0,
            DeadLettering = json.Integer("messages_dlx") ?? 0,
            Prioritized = (json.Integer("messages_ready_high") ?? 0) + Prioritized(json.Member("messages_by_priority")),
            Consumers = (int)Math.Min(json.Integer("consumers") ?? 0, int.MaxValue),
            KnownConsumers = json.Member("consumer_details") is { ValueKind: JsonValueKind.Array } known ? known.Items().Count(consumer => !ReadChannels.IsOurs(consumer.Text("consumer_tag"))) : null,
            Durable = json.Flag("durable"),
            AutoDelete = json.Flag("auto_delete"),
            Exclusive = json.Flag("exclusive"),
            Arguments = JsonValues.ToDictionary(json.Member("arguments")),
            Policy = json.Text("policy") ?? policies?.UserPolicy(name, type)?.Name,
            IsPolicyTold = policies is null,
            EffectivePolicy = policies is null ? JsonValues.ToDictionary(json.Member("effective_policy_definition")) : policies.For(name, type),
            State = json.Text("state") ?? "",
            Node = json.Text("leader") ?? json.Text("node") ?? "",
            Members = json.Texts("members"),
            Online = json.Texts("online"),
            // A number, or "unlimited".
            DeliveryLimit = json.Integer("delivery_limit") ?? (json.Text("delivery_limit") is null ? null : -1),
            HasExclusiveConsumer = IsTag(json.Text("exclusive_consumer_tag")),
            HasActiveConsumer = IsTag(json.Text("single_active_consumer_tag")) || IsTag(json.Text("single_active_consumer_ctag")),
        };
    }

    /// <summary>Of the numbers by priority those that are not of the usual one, which quorum queues take to be 4.</summary>
    private static long Prioritized(JsonElement byPriority) => byPriority.ValueKind == JsonValueKind.Object
        ? byPriority.EnumerateObject().Where(level => level.Name != "4" && level.Value.ValueKind == JsonValueKind.Number).Sum(level => level.Value.GetInt64())
        : 0;

    internal static ExchangeInfo Exchange(JsonElement json, string? alternateByPolicy) => new(
        json.Text("vhost") ?? "", json.Text("name") ?? "", json.Text("type") ?? "", json.Flag("internal"), json.Member("arguments").Text("alternate-exchange") ?? alternateByPolicy)
    {
        Delayed = json.Integer("messages_delayed") ?? 0,
    };

    internal static NodeHealth Node(JsonElement json) => new()
    {
        Name = json.Text("name") ?? "",
        Running = json.Flag("running"),
        MemoryAlarm = json.Flag("mem_alarm"),
        DiskAlarm = json.Flag("disk_free_alarm"),
        MemoryUsed = json.Integer("mem_used") ?? 0,
        MemoryLimit = json.Integer("mem_limit") ?? 0,
        DiskFree = json.Integer("disk_free") ?? 0,
        DiskFreeLimit = json.Integer("disk_free_limit") ?? 0,
    };

    /// <summary>Tags are a list since 3.9, a comma-separated string before.</summary>
    internal static ManagementUser User(JsonElement json) => new(
        json.Text("name") ?? "",
        json.Text("tags") is { } text ? text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) : json.Texts("tags"));

    /// <summary>The numbers at the start of a version such as <c>4.3.0-rc.1</c>, or null.</summary>
    internal static Version? ParseVersion(string text)
    {
        int end = text.AsSpan().IndexOfAnyExcept("0123456789.");
        return Version.TryParse(end < 0 ? text : text[..end].TrimEnd('.'), out Version? version) ? version : null;
    }

    private static BrokerListener Listener(JsonElement json) => new(json.Text("node") ?? "", json.Text("protocol") ?? "", (int)(json.Integer("port") ?? 0));

    /// <summary>An application's: a reader of this module that has gone is told for some seconds more.</summary>
    private static bool IsTag(string? tag) => tag is { Length: > 0 } && !ReadChannels.IsOurs(tag);
}
