namespace RabbitMqBackup.Engine.Storage;

/// <summary>Makes a store from its URI.</summary>
internal static class ObjectStores
{
    internal static BackupStore Parse(string uri, string? baseFolder)
    {
        StoreUri location = StoreUri.Parse(uri, baseFolder);
        return location.Scheme switch
        {
            StoreScheme.File => new BackupStore(location.DisplayUri, () => new FileSystemStore(location.Folder)),
            _ => throw new ArgumentException($"'{location.DisplayUri}': this version has no adapter for {location.SchemeName} stores; use a folder.", nameof(uri)),
        };
    }
}
