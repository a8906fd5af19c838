namespace RabbitMqBackup.Engine.Catalog;

/// <summary>How a stream hangs on a super stream: by a binding to an exchange.</summary>
/// <param name="Name">The super stream: a direct exchange in the same virtual host.</param>
/// <param name="RoutingKey">The partition's key.</param>
/// <param name="Order">The partition's place among the others.</param>
public sealed record SuperStreamEntry(string Name, string RoutingKey, long Order)
{
    /// <summary>Fields of a newer minor format, kept as raw JSON by name.</summary>
    internal IReadOnlyDictionary<string, string> UnknownFields { get; init; } = new Dictionary<string, string>();
}
