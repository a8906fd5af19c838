namespace RabbitMqBackup.Engine.Broker;

/// <summary>How messages are taken from a queue, never acknowledged.</summary>
internal enum QueueReadMethod
{
    /// <summary>By consumers: fast; a queue that is deleted with its last consumer would be deleted.</summary>
    Consume,

    /// <summary>By basic.get: slow; harmless to auto-delete queues, and past exclusive or single active consumers of classic queues.</summary>
    Get,
}
