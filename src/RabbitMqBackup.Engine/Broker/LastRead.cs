namespace RabbitMqBackup.Engine.Broker;

/// <summary>What the last backup of a queue saw.</summary>
/// <param name="HighestDeliveryCount">The highest delivery count of a message that it read.</param>
/// <param name="Depth">Messages that were ready then.</param>
internal sealed record LastRead(long HighestDeliveryCount, long Depth);
