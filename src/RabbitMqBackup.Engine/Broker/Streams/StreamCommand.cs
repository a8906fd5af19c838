namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>Keys of the stream protocol's commands. The answer to a request has the same key with the top bit set.</summary>
internal enum StreamCommand : ushort
{
    /// <summary>Client: names a publisher for a stream.</summary>
    DeclarePublisher = 1,

    /// <summary>Client: entries to append; no answer but <see cref="PublishConfirm"/> or <see cref="PublishError"/>.</summary>
    Publish = 2,

    /// <summary>Server: publishing ids that are on disk.</summary>
    PublishConfirm = 3,

    /// <summary>Server: publishing ids that were refused, each with a code.</summary>
    PublishError = 4,

    /// <summary>Client: highest publishing id stored for a named publisher.</summary>
    QueryPublisherSequence = 5,

    /// <summary>Client: gives up a publisher.</summary>
    DeletePublisher = 6,

    /// <summary>Client: asks for chunks.</summary>
    Subscribe = 7,

    /// <summary>Server: a chunk.</summary>
    Deliver = 8,

    /// <summary>Client: allows more chunks.</summary>
    Credit = 9,

    /// <summary>Client: stores a consumer's offset by name; no answer.</summary>
    StoreOffset = 10,

    /// <summary>Client: asks for a stored offset.</summary>
    QueryOffset = 11,

    /// <summary>Client: ends a subscription.</summary>
    Unsubscribe = 12,

    /// <summary>Client: creates a stream.</summary>
    CreateStream = 13,

    /// <summary>Client: deletes a stream.</summary>
    DeleteStream = 14,

    /// <summary>Client: asks for a stream's leader and replicas.</summary>
    Metadata = 15,

    /// <summary>Server: a stream has changed or is gone.</summary>
    MetadataUpdate = 16,

    /// <summary>Both: who is speaking.</summary>
    PeerProperties = 17,

    /// <summary>Client: asks for the SASL mechanisms.</summary>
    SaslHandshake = 18,

    /// <summary>Client: authenticates.</summary>
    SaslAuthenticate = 19,

    /// <summary>Server proposes and client answers frame size and heartbeat.</summary>
    Tune = 20,

    /// <summary>Client: enters a virtual host.</summary>
    Open = 21,

    /// <summary>Both: ends the connection, with a reason.</summary>
    Close = 22,

    /// <summary>Both: a sign of life.</summary>
    Heartbeat = 23,

    /// <summary>Client, on 4.x: versions of the commands that it understands.</summary>
    ExchangeCommandVersions = 27,

    /// <summary>Client, on 4.x: first and last chunk of a stream.</summary>
    StreamStats = 28,
}
