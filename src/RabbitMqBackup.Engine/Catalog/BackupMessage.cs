using RabbitMqBackup.Engine.Messages;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>One message out of a backup: what Get-RabbitBackupMessage emits and Restore-RabbitMq takes.</summary>
public sealed class BackupMessage
{
    /// <summary>The backup it is from.</summary>
    public required string BackupId { get; init; }

    /// <summary>Name of the queue it was in.</summary>
    public required string Queue { get; init; }

    /// <summary>Virtual host of that queue.</summary>
    public required string VirtualHost { get; init; }

    /// <summary>The exchange it was published to.</summary>
    public required string Exchange { get; init; }

    /// <summary>Its routing key.</summary>
    public required string RoutingKey { get; init; }

    /// <summary>The broker's redelivered flag when it was captured.</summary>
    public bool Redelivered { get; init; }

    /// <summary>When it was captured; for streams the time of its chunk.</summary>
    public DateTimeOffset CapturedAt { get; init; }

    /// <summary>Its offset, for streams.</summary>
    public long? Offset { get; init; }

    /// <summary>Its properties, decoded.</summary>
    public required MessageProperties Properties { get; init; }

    /// <summary>Its headers: the same as <c>Properties.Headers</c>, never null.</summary>
    public IReadOnlyDictionary<string, object?> Headers => Properties.Headers;

    /// <summary>Its body.</summary>
    public required byte[] Body { get; init; }

    /// <summary>The body as text where it is UTF-8 text, else null.</summary>
    public string? Text => MessageText.TryDecode(Body);

    /// <summary>Its property list as on the wire.</summary>
    internal byte[] RawProperties { get; init; } = [0, 0];

    /// <summary>Streams: the message as it lies there, in AMQP 1.0 encoding; empty for others.</summary>
    internal byte[] RawMessage { get; init; } = [];

    /// <summary>The raw routing key.</summary>
    internal byte[] RawRoutingKey { get; init; } = [];

    /// <summary>The queue's row in the manifest.</summary>
    internal QueueEntry QueueEntry { get; init; } = null!;

    /// <summary>Where it lies.</summary>
    internal BackupStore? Store { get; init; }
}
