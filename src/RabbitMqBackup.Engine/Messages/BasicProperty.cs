namespace RabbitMqBackup.Engine.Messages;

/// <summary>The properties of a message in the order of the wire; the number is the bit of the property flags that says it is there.</summary>
internal enum BasicProperty : byte
{
    /// <summary>Short string.</summary>
    ContentType = 15,

    /// <summary>Short string.</summary>
    ContentEncoding = 14,

    /// <summary>Field table.</summary>
    Headers = 13,

    /// <summary>Octet.</summary>
    DeliveryMode = 12,

    /// <summary>Octet.</summary>
    Priority = 11,

    /// <summary>Short string.</summary>
    CorrelationId = 10,

    /// <summary>Short string.</summary>
    ReplyTo = 9,

    /// <summary>Short string.</summary>
    Expiration = 8,

    /// <summary>Short string.</summary>
    MessageId = 7,

    /// <summary>u64, s since 1970.</summary>
    Timestamp = 6,

    /// <summary>Short string.</summary>
    Type = 5,

    /// <summary>Short string.</summary>
    UserId = 4,

    /// <summary>Short string.</summary>
    AppId = 3,

    /// <summary>Short string.</summary>
    ClusterId = 2,
}
