namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>The stream protocol's response codes.</summary>
internal enum StreamResponseCode : ushort
{
    /// <summary>Done.</summary>
    Ok = 1,

    /// <summary>There is no such stream.</summary>
    StreamDoesNotExist = 2,

    /// <summary>The subscription's number is in use.</summary>
    SubscriptionIdAlreadyExists = 3,

    /// <summary>There is no such subscription.</summary>
    SubscriptionIdDoesNotExist = 4,

    /// <summary>The stream is there already.</summary>
    StreamAlreadyExists = 5,

    /// <summary>The stream can't be used at the moment, or was deleted (in a metadata update).</summary>
    StreamNotAvailable = 6,

    /// <summary>The broker does not know the SASL mechanism.</summary>
    SaslMechanismNotSupported = 7,

    /// <summary>Wrong user, password or certificate.</summary>
    AuthenticationFailure = 8,

    /// <summary>The SASL exchange went wrong.</summary>
    SaslError = 9,

    /// <summary>The broker asks for another SASL round.</summary>
    SaslChallenge = 10,

    /// <summary>The user may only connect from the broker's own machine.</summary>
    AuthenticationFailureLoopback = 11,

    /// <summary>The virtual host is absent, or the user may not enter it.</summary>
    VirtualHostAccessFailure = 12,

    /// <summary>The broker does not know the command.</summary>
    UnknownFrame = 13,

    /// <summary>A frame is larger than the broker takes.</summary>
    FrameTooLarge = 14,

    /// <summary>The broker failed.</summary>
    InternalError = 15,

    /// <summary>The user lacks the permission.</summary>
    AccessRefused = 16,

    /// <summary>The request does not fit what is there.</summary>
    PreconditionFailed = 17,

    /// <summary>There is no such publisher (any more).</summary>
    PublisherDoesNotExist = 18,

    /// <summary>No offset is stored under the name.</summary>
    NoOffset = 19,
}
