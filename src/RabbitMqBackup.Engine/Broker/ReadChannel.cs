using RabbitMqBackup.Engine.Broker.Amqp;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>One channel of a read.</summary>
internal sealed class ReadChannel(DataChannel channel)
{
    /// <summary>The channel.</summary>
    internal DataChannel Channel => channel;

    /// <summary>Tags of its consumers that are there, in the order in which they were added.</summary>
    internal List<string> Consumers { get; } = [];

    /// <summary>Consumers that it ever had: what those hold that were ended is still sorted by their tags.</summary>
    internal int Added { get; set; }

    /// <summary>Messages of those that were acknowledged, since copies of them are in the queue.</summary>
    internal long Acknowledged { get; set; }

    /// <summary>Messages that came over it; known once the next channel is open or all consumers are cancelled.</summary>
    internal long Held { get; set; }

    /// <summary>Delivery tag of the last of them.</summary>
    internal ulong LastDeliveryTag { get; set; }
}
