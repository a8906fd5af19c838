using System.Buffers;

namespace RabbitMqBackup.Engine.Format;

/// <summary>A message on its way into a segment. It borrows its memory for the time of the call that takes it.</summary>
internal readonly ref struct RecordContent
{
    /// <summary>The exchange it was published to, UTF-8.</summary>
    public ReadOnlySpan<byte> Exchange { get; init; }

    /// <summary>Its routing key, UTF-8 by convention; any bytes by protocol.</summary>
    public ReadOnlySpan<byte> RoutingKey { get; init; }

    /// <summary>Its property list as on the wire of AMQP 0-9-1: u16 property flags and the properties present, big-endian.</summary>
    public ReadOnlySpan<byte> Properties { get; init; }

    /// <summary>Its body.</summary>
    public ReadOnlySequence<byte> Body { get; init; }

    /// <summary>The broker's redelivered flag when it was captured.</summary>
    public bool Redelivered { get; init; }

    /// <summary>Capture time, ms since 1970 UTC.</summary>
    public long CapturedAt { get; init; }
}
