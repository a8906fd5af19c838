namespace RabbitMqBackup.Engine.Messages.Amqp10;

/// <summary>A value that .NET has no type for: a decimal of AMQP 1.0, or a time beyond the year 9999.</summary>
/// <param name="TypeCode">The type's constructor byte.</param>
/// <param name="Bytes">Its encoding.</param>
internal sealed record Amqp10Opaque(byte TypeCode, byte[] Bytes)
{
    /// <inheritdoc/>
    public override string ToString() => $"0x{TypeCode:x2}:{Convert.ToHexString(Bytes)}";
}
