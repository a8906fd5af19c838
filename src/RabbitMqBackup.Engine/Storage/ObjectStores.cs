namespace RabbitMqBackup.Engine.Storage;

/// <summary>Makes a store from its URI.</summary>
internal static class ObjectStores
{
    internal static BackupStore Parse(string uri) => throw new ArgumentException($"'{uri}' is not a store URI this module knows.", nameof(uri));
}
