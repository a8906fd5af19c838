namespace RabbitMqBackup.Engine.Messages.Amqp10;

/// <summary>
/// A message of AMQP 1.0, decoded for people and for conversion; what is stored and published is the raw encoding.
/// <code>
/// message = [header] [delivery-annotations] [message-annotations] [properties] [application-properties] body [footer]
/// section = 0x00 descriptor value          descriptor: ulong 0x70 to 0x78, in this order, or its symbol
/// body    = data+ | amqp-sequence+ | amqp-value
/// </code>
/// </summary>
internal sealed record Amqp10Message
{
    /// <summary>Header: durable, or null where it is not said.</summary>
    public bool? Durable { get; init; }

    /// <summary>Header: priority.</summary>
    public byte? Priority { get; init; }

    /// <summary>Header: time to live.</summary>
    public TimeSpan? TimeToLive { get; init; }

    /// <summary>Delivery annotations, in order.</summary>
    public IReadOnlyList<KeyValuePair<object?, object?>> DeliveryAnnotations { get; init; } = [];

    /// <summary>Message annotations, in order.</summary>
    public IReadOnlyList<KeyValuePair<object?, object?>> MessageAnnotations { get; init; } = [];

    /// <summary>Properties, by the names of the specification; absent ones are left out.</summary>
    public IReadOnlyDictionary<string, object> Properties { get; init; } = new Dictionary<string, object>();

    /// <summary>Application properties, in order.</summary>
    public IReadOnlyList<KeyValuePair<object?, object?>> ApplicationProperties { get; init; } = [];

    /// <summary>What the body is.</summary>
    public Amqp10BodyKind BodyKind { get; init; }

    /// <summary>The bytes of all data sections; for other kinds the body's sections as they are encoded.</summary>
    public byte[] Body { get; init; } = [];

    /// <summary>The value, or a list with the items of all sequences; null for data.</summary>
    public object? BodyValue { get; init; }

    /// <summary>Footer, in order.</summary>
    public IReadOnlyList<KeyValuePair<object?, object?>> Footer { get; init; } = [];

    /// <summary>A message annotation by its name, or null.</summary>
    internal object? Annotation(string name)
    {
        foreach ((object? key, object? value) in MessageAnnotations)
        {
            if (key is string text && text == name)
            {
                return value;
            }
        }

        return null;
    }
}
