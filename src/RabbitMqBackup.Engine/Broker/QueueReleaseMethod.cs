namespace RabbitMqBackup.Engine.Broker;

/// <summary>How held messages are given back.</summary>
internal enum QueueReleaseMethod
{
    /// <summary>By closing the channel: keeps the order everywhere; counts as a delivery attempt on quorum queues.</summary>
    ChannelClose,

    /// <summary>By one basic.nack(multiple, requeue): not counted by quorum queues from 4.3; elsewhere it can move messages to the back.</summary>
    Nack,
}
