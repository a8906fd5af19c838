using System.Buffers;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>A copy of a message that is held and that its queue would drop or dead-letter at the next return.</summary>
/// <param name="Channel">Index of the reader's channel that it came over.</param>
/// <param name="DeliveryTag">The channel's number for the delivery.</param>
/// <param name="DeliveryCount">How often it was given back so far.</param>
/// <param name="Properties">Its property list as on the wire.</param>
/// <param name="Body">Its body.</param>
internal sealed record EndangeredMessage(int Channel, ulong DeliveryTag, long DeliveryCount, byte[] Properties, byte[] Body)
{
    internal static EndangeredMessage Copy(in Delivery delivery, int channel, long count) =>
        new(channel, delivery.DeliveryTag, count, delivery.Properties.ToArray(), delivery.Body.ToArray());
}
