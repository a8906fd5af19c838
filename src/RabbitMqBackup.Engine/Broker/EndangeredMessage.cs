using System.Buffers;
using System.Text;
using RabbitMqBackup.Engine.Messages;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>A copy of a message that is held and that its queue would drop or dead-letter at the next return.</summary>
/// <param name="channel">Index of the reader's channel that it came over.</param>
/// <param name="deliveryTag">The channel's number for the delivery.</param>
/// <param name="deliveryCount">How often it was given back so far.</param>
/// <param name="properties">Its property list as on the wire.</param>
/// <param name="body">Its body.</param>
internal sealed class EndangeredMessage(int channel, ulong deliveryTag, long deliveryCount, byte[] properties, byte[] body)
{
    internal int Channel => channel;

    internal ulong DeliveryTag => deliveryTag;

    internal long DeliveryCount => deliveryCount;

    internal byte[] Properties { get; private set; } = properties;

    internal byte[] Body { get; private set; } = body;

    /// <summary>For people.</summary>
    internal string Name { get; } = NewName(properties, body.Length, deliveryCount);

    /// <summary>A copy of it is in the queue: its content is needed no more.</summary>
    internal void Forget() => (Properties, Body) = ([], []);

    internal static EndangeredMessage Copy(in Delivery delivery, int channel, long count) =>
        new(channel, delivery.DeliveryTag, count, delivery.Properties.ToArray(), delivery.Body.ToArray());

    private static string NewName(byte[] properties, int size, long deliveryCount)
    {
        ReadOnlySpan<byte> id = PropertyListReader.Find(properties, BasicProperty.MessageId);
        return $"{(id.IsEmpty ? "A message without an id" : $"Message '{Encoding.UTF8.GetString(id)}'")} ({size} bytes, given back {deliveryCount} times)";
    }
}
