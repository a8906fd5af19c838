namespace RabbitMqBackup.Engine.Broker;

/// <summary>How held messages are given back, after every consumer has been cancelled.</summary>
internal enum QueueReleaseMethod
{
    /// <summary>Closing the channel: keeps the order on every version and queue type; counts as a delivery attempt on quorum queues.</summary>
    ChannelClose,

    /// <summary>One basic.nack(multiple, requeue): from 4.3 it keeps the order of quorum queues and is not counted.</summary>
    Nack,
}
