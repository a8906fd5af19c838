namespace RabbitMqBackup.Engine.Format;

/// <summary>What a record holds; the number is its first byte in version 2.</summary>
internal enum SegmentRecordKind
{
    /// <summary>A message as AMQP 0-9-1 delivered it.</summary>
    Message = 1,

    /// <summary>Entries of a stream chunk.</summary>
    StreamChunk = 2,
}
