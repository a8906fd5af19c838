namespace RabbitMqBackup.Engine.Catalog;

/// <summary>Messages that a backup set out to capture and has not.</summary>
/// <param name="Messages">How many, or null where nobody knows.</param>
/// <param name="Code">Why, for scripts, e.g. <c>TakenByConsumers</c>, <c>LeftTheQueue</c>, <c>Retention</c>, <c>DeliveryLimit</c>, <c>HoldTime</c>.</param>
/// <param name="Reason">Why, for people.</param>
/// <param name="FirstOffset">First missing offset, for streams.</param>
/// <param name="LastOffset">Last missing offset, for streams.</param>
public sealed record GapEntry(long? Messages, string Code, string Reason, long? FirstOffset = null, long? LastOffset = null)
{
    /// <summary>Fields of a newer minor format, kept as raw JSON by name.</summary>
    internal IReadOnlyDictionary<string, string> UnknownFields { get; init; } = new Dictionary<string, string>();
}
