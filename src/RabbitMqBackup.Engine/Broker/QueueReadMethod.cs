namespace RabbitMqBackup.Engine.Broker;

/// <summary>How messages are taken out of a queue to be looked at. Neither acknowledges.</summary>
internal enum QueueReadMethod
{
    /// <summary>basic.consume: the fast way (20,000 to 50,000 messages a second).</summary>
    Consume,

    /// <summary>basic.get, one by one (4,000 to 8,000 a second): where a consumer would do harm or receive nothing.</summary>
    Get,
}
