namespace RabbitMqBackup.Engine.Storage;

/// <summary>
/// Which store, and with what rights: what <c>-Store</c> takes and manifests carry along the pipeline. It opens no connection before <see cref="Open"/>.
/// </summary>
public sealed class BackupStore
{
    private readonly Func<IObjectStore> _open;

    internal BackupStore(string displayUri, Func<IObjectStore> open)
    {
        DisplayUri = displayUri;
        _open = open;
    }

    /// <summary>The store's URI without any secret.</summary>
    public string DisplayUri { get; }

    /// <summary>From a path or a <c>file:</c> URI.</summary>
    /// <exception cref="ArgumentException">The URI can't be understood, with the reason.</exception>
    public static BackupStore Parse(string uri) => ObjectStores.Parse(uri);

    /// <summary>Opens the store. The caller disposes it.</summary>
    public IObjectStore Open() => _open();

    /// <inheritdoc/>
    public override string ToString() => DisplayUri;
}
