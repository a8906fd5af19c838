namespace RabbitMqBackup.Engine.Storage;

/// <summary>A copy that a store has made by itself.</summary>
/// <param name="Object">The new object.</param>
/// <param name="Sha256">SHA-256 of its content, 32 bytes, where the store has computed it; else null.</param>
internal sealed record ServerCopy(ObjectInfo Object, byte[]? Sha256);
