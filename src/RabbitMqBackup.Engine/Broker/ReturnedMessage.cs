using System.Buffers;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>A mandatory message that reached no queue. The broker confirms it all the same, after this. It borrows its memory.</summary>
internal readonly ref struct ReturnedMessage
{
    /// <summary>312 for no route; the protocol's reply codes.</summary>
    public ushort ReplyCode { get; init; }

    /// <summary>The broker's words, UTF-8.</summary>
    public ReadOnlySpan<byte> ReplyText { get; init; }

    /// <summary>The exchange it was published to.</summary>
    public ReadOnlySpan<byte> Exchange { get; init; }

    /// <summary>Its routing key.</summary>
    public ReadOnlySpan<byte> RoutingKey { get; init; }

    /// <summary>Its property list as on the wire.</summary>
    public ReadOnlySpan<byte> Properties { get; init; }

    /// <summary>Its body.</summary>
    public ReadOnlySequence<byte> Body { get; init; }
}
