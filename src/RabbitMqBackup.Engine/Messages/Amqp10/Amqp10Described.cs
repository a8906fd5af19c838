namespace RabbitMqBackup.Engine.Messages.Amqp10;

/// <summary>A value of a described type.</summary>
/// <param name="Descriptor">What says the meaning: a ulong or a symbol.</param>
/// <param name="Value">The value.</param>
internal sealed record Amqp10Described(object? Descriptor, object? Value)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Descriptor}({Value})";
}
