using System.Text.Json;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>One policy or operator policy.</summary>
internal sealed record PolicyRule
{
    /// <summary>Its virtual host.</summary>
    public required string VirtualHost { get; init; }

    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Regular expression over names.</summary>
    public required string Pattern { get; init; }

    /// <summary><c>all</c>, <c>queues</c>, <c>exchanges</c>, <c>classic_queues</c>, <c>quorum_queues</c> or <c>streams</c>.</summary>
    public required string ApplyTo { get; init; }

    /// <summary>The highest wins.</summary>
    public required long Priority { get; init; }

    /// <summary>Settings by key.</summary>
    public required IReadOnlyDictionary<string, object?> Definition { get; init; }

    /// <summary>It applies to queues of this type.</summary>
    internal bool AppliesTo(string type) => ApplyTo is "all" or "queues" || ApplyTo == (type == QueueTypes.Stream ? "streams" : type + "_queues");

    internal static PolicyRule FromJson(JsonElement json) => new()
    {
        VirtualHost = json.Text("vhost") ?? "",
        Name = json.Text("name") ?? "",
        Pattern = json.Text("pattern") ?? "",
        ApplyTo = json.Text("apply-to") ?? "all",
        Priority = json.Integer("priority") ?? 0,
        Definition = JsonValues.ToDictionary(json.Member("definition")),
    };
}
