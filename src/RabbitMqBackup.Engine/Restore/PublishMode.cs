namespace RabbitMqBackup.Engine.Restore;

/// <summary>Where restored messages are published to.</summary>
public enum PublishMode
{
    /// <summary>Straight into the queue, through the default exchange: it gets its messages, and no other queue does.</summary>
    Queue,

    /// <summary>To the exchange and with the routing key of the first publish: the target's bindings decide, and every queue that they lead to gets the message.</summary>
    Exchange,
}
