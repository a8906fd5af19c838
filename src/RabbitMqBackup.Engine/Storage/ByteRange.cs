namespace RabbitMqBackup.Engine.Storage;

/// <summary>A part of an object.</summary>
/// <param name="Offset">First byte, from 0.</param>
/// <param name="Length">Bytes, or null up to the end. A range that reaches past the end gives what there is.</param>
public readonly record struct ByteRange(long Offset, long? Length);
