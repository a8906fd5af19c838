namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>An entry that the broker did not take.</summary>
/// <param name="PublishingId">Its publishing id.</param>
/// <param name="Code">Why; PreconditionFailed for a batch that RabbitMQ 4.3 finds malformed.</param>
internal readonly record struct StreamRefusal(ulong PublishingId, StreamResponseCode Code);
