using System.Buffers;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>A message as the broker delivered it, bytes untouched. It borrows its memory: nothing of it is valid after the call that gives it.</summary>
internal readonly ref struct Delivery
{
    /// <summary>The channel's number for this delivery, from 1.</summary>
    public ulong DeliveryTag { get; init; }

    /// <summary>The broker delivered it before, to whomever.</summary>
    public bool Redelivered { get; init; }

    /// <summary>The consumer it came to; empty when it was fetched with basic.get.</summary>
    public ReadOnlySpan<byte> ConsumerTag { get; init; }

    /// <summary>The exchange it was published to, UTF-8.</summary>
    public ReadOnlySpan<byte> Exchange { get; init; }

    /// <summary>Its routing key: UTF-8 by convention, any bytes by protocol.</summary>
    public ReadOnlySpan<byte> RoutingKey { get; init; }

    /// <summary>Its property list as on the wire: u16 property flags and the properties present, big-endian.</summary>
    public ReadOnlySpan<byte> Properties { get; init; }

    /// <summary>Its body.</summary>
    public ReadOnlySequence<byte> Body { get; init; }
}
