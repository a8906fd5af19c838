namespace RabbitMqBackup.Engine.Messages.Amqp10;

/// <summary>What the body of an AMQP 1.0 message consists of.</summary>
internal enum Amqp10BodyKind
{
    /// <summary>There is none.</summary>
    None,

    /// <summary>Bytes, in one or more data sections.</summary>
    Data,

    /// <summary>Lists of values, in one or more sequence sections.</summary>
    Sequence,

    /// <summary>One value.</summary>
    Value,
}
