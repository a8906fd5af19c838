namespace RabbitMqBackup.Engine.Storage;

/// <summary>
/// Which store, and with what rights: what <c>-Store</c> takes and manifests carry along the pipeline. It opens no connection before <see cref="Open"/>.
/// </summary>
public sealed class BackupStore
{
    private readonly Func<IObjectStore> _open;

    internal BackupStore(string displayUri, Func<IObjectStore> open, string? folder = null)
    {
        DisplayUri = displayUri;
        _open = open;
        Folder = folder;
    }

    /// <summary>The store's URI without any secret.</summary>
    public string DisplayUri { get; }

    /// <summary>The folder, where it is one: the first backup makes it. Null for a store of another kind.</summary>
    public string? Folder { get; }

    /// <summary>From a path, or a <c>file:</c>, <c>s3:</c>, <c>azblob:</c> or <c>gs:</c> URI.</summary>
    /// <param name="uri">The path or URI; <c>~</c> is the user's home folder.</param>
    /// <param name="baseFolder">The folder that a relative path starts from; null for the current folder of the process, which is not PowerShell's location.</param>
    /// <exception cref="ArgumentException">The URI can't be understood, with the reason.</exception>
    public static BackupStore Parse(string uri, string? baseFolder = null) => Create(new BackupStoreOptions { Uri = uri, BaseFolder = baseFolder });

    /// <summary>From an address with credentials and settings.</summary>
    /// <exception cref="ArgumentException">The address or an option can't be understood, or they do not go together.</exception>
    public static BackupStore Create(BackupStoreOptions options) => ObjectStores.Create(options);

    /// <summary>Opens the store. The caller disposes it.</summary>
    public IObjectStore Open() => _open();

    /// <inheritdoc/>
    public override string ToString() => DisplayUri;
}
