namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>Offsets of a stream that a reading did not get.</summary>
/// <param name="FirstOffset">First missing offset.</param>
/// <param name="LastOffset">Last missing offset.</param>
/// <param name="Kind">Why.</param>
internal readonly record struct StreamGap(long FirstOffset, long LastOffset, StreamGapKind Kind);
