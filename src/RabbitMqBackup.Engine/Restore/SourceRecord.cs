namespace RabbitMqBackup.Engine.Restore;

/// <summary>A message to be restored. It borrows its memory.</summary>
/// <param name="Ordinal">Its number among all records of the queue's source.</param>
/// <param name="CapturedAt">Capture time, ms since 1970 UTC.</param>
/// <param name="Redelivered">The broker's redelivered flag when it was captured.</param>
/// <param name="Exchange">Exchange of the first publish.</param>
/// <param name="RoutingKey">Its routing key.</param>
/// <param name="Properties">Property list as on the wire.</param>
/// <param name="Body">Body.</param>
internal readonly record struct SourceRecord(
    long Ordinal,
    long CapturedAt,
    bool Redelivered,
    ReadOnlyMemory<byte> Exchange,
    ReadOnlyMemory<byte> RoutingKey,
    ReadOnlyMemory<byte> Properties,
    ReadOnlyMemory<byte> Body);
