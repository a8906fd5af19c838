namespace RabbitMqBackup.Engine.Definitions;

/// <summary>A cluster's or a virtual host's definitions.</summary>
public sealed class DefinitionsDocument
{
    /// <summary>Reads RabbitMQ's own JSON.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.DefinitionInvalid"/> with the place of the fault.</exception>
    public static DefinitionsDocument Parse(ReadOnlyMemory<byte> json, string source) => throw new NotSupportedException($"{json} {source}");

    /// <summary>RabbitMQ's own JSON, UTF-8 without a byte order mark, as rabbitmqctl and the management page take it.</summary>
    public byte[] ToJson() => throw new NotSupportedException();
}
