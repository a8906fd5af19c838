namespace RabbitMqBackup.Engine.Messages;

/// <summary>The 14 basic properties of AMQP 0-9-1, decoded for people and filters. What is stored and published is the raw list, not this.</summary>
public sealed record MessageProperties
{
    /// <summary>MIME type.</summary>
    public string? ContentType { get; init; }

    /// <summary>MIME encoding.</summary>
    public string? ContentEncoding { get; init; }

    /// <summary>
    /// Headers by name, never null. Field types: t bool, b sbyte, B byte, s short, u ushort, I int, i uint, l long, f float, d double,
    /// D decimal (as double where it is beyond decimal), S string where it is UTF-8, else byte[]; x byte[],
    /// T DateTimeOffset (beyond the year 9999 its seconds as ulong), A list, F dictionary, V null, L ulong.
    /// </summary>
    public IReadOnlyDictionary<string, object?> Headers { get; init; } = new Dictionary<string, object?>();

    /// <summary>1 transient, 2 persistent.</summary>
    public byte? DeliveryMode { get; init; }

    /// <summary>0 to 255.</summary>
    public byte? Priority { get; init; }

    /// <summary>Correlation id.</summary>
    public string? CorrelationId { get; init; }

    /// <summary>Reply-to.</summary>
    public string? ReplyTo { get; init; }

    /// <summary>Time to live as text, ms.</summary>
    public string? Expiration { get; init; }

    /// <summary>Message id.</summary>
    public string? MessageId { get; init; }

    /// <summary>The application's time stamp (s resolution); null also where it is beyond the year 9999.</summary>
    public DateTimeOffset? Timestamp { get; init; }

    /// <summary>Type name.</summary>
    public string? Type { get; init; }

    /// <summary>The publishing user.</summary>
    public string? UserId { get; init; }

    /// <summary>The publishing application.</summary>
    public string? AppId { get; init; }

    /// <summary>Cluster id (deprecated in the protocol, still passed).</summary>
    public string? ClusterId { get; init; }
}
