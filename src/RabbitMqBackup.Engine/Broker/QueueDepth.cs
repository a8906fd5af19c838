namespace RabbitMqBackup.Engine.Broker;

/// <summary>A passive declare's answer.</summary>
/// <param name="Messages">Ready messages: exact at once for classic and quorum queues, late for streams.</param>
/// <param name="Consumers">Consumers.</param>
internal readonly record struct QueueDepth(long Messages, int Consumers);
