namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>First octet of a frame (AMQP 0-9-1, 2.3.5).</summary>
internal enum FrameType : byte
{
    /// <summary>A method: class, method, arguments.</summary>
    Method = 1,

    /// <summary>The header of a content: its size and property list.</summary>
    Header = 2,

    /// <summary>A part of a content's body.</summary>
    Body = 3,

    /// <summary>A sign of life.</summary>
    Heartbeat = 8,
}
