namespace RabbitMqBackup.Engine.Storage;

/// <summary>An object without its content.</summary>
/// <param name="Path">Where it lies.</param>
/// <param name="Length">Bytes.</param>
/// <param name="LastModified">When it was stored, by the store's clock.</param>
/// <param name="Version">Opaque; changes whenever the content does.</param>
public sealed record ObjectInfo(ObjectPath Path, long Length, DateTimeOffset LastModified, string Version);
