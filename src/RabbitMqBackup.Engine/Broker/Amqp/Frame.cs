using System.Buffers;

namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>A whole frame; the payload borrows the buffer that it was parsed from.</summary>
internal readonly struct Frame(FrameType type, ushort channel, ReadOnlySequence<byte> payload)
{
    /// <summary>Its kind.</summary>
    internal FrameType Type { get; } = type;

    /// <summary>Its channel; 0 is the connection itself.</summary>
    internal ushort Channel { get; } = channel;

    /// <summary>What is between its header and its end octet.</summary>
    internal ReadOnlySequence<byte> Payload { get; } = payload;
}
