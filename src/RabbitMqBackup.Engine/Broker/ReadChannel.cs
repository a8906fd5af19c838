using RabbitMqBackup.Engine.Broker.Amqp;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>One channel of a read.</summary>
internal sealed class ReadChannel(DataChannel channel)
{
    /// <summary>The channel.</summary>
    internal DataChannel Channel => channel;

    /// <summary>Tags of its consumers, in the order in which they were added.</summary>
    internal List<string> Consumers { get; } = [];

    /// <summary>Messages that it holds; known once the next channel is open or all consumers are cancelled.</summary>
    internal long Held { get; set; }

    /// <summary>Delivery tag of the last of them.</summary>
    internal ulong LastDeliveryTag { get; set; }
}
