namespace RabbitMqBackup.Engine.Storage;

/// <summary>
/// The smallest contract that a backup needs of a store. Every implementation passes the same suite (ObjectStoreContract in the tests).
/// Errors are <see cref="RabbitBackupException"/> with a storage code, translated by status code at the adapter's edge.
/// </summary>
public interface IObjectStore : IAsyncDisposable
{
    /// <summary>The store's URI for people: no user info, key or token in it.</summary>
    string DisplayUri { get; }

    /// <summary>What this store can do beyond the minimum.</summary>
    StoreCapabilities Capabilities { get; }

    /// <summary>
    /// Stores an object. It becomes visible as a whole or not at all: a failure, a cancellation or the end of the process half-way leaves nothing visible.
    /// </summary>
    /// <param name="path">Where.</param>
    /// <param name="content">What, read from its position to its end.</param>
    /// <param name="options">Conditions and checksum.</param>
    /// <param name="cancellationToken">Ends the put; nothing is visible then.</param>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.StorageConflict"/> when the condition is not met.</exception>
    Task<ObjectInfo> PutAsync(ObjectPath path, Stream content, PutOptions options, CancellationToken cancellationToken);

    /// <summary>Opens an object, or <paramref name="range"/> of it, for reading. The caller disposes the stream.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.ObjectNotFound"/>.</exception>
    Task<Stream> OpenReadAsync(ObjectPath path, ByteRange? range, CancellationToken cancellationToken);

    /// <summary>What is known of an object without reading it, or null where there is none.</summary>
    Task<ObjectInfo?> HeadAsync(ObjectPath path, CancellationToken cancellationToken);

    /// <summary>
    /// Lists objects, and with a delimiter also common prefixes, in the order of their keys' UTF-8 bytes (that is ordinal order, but for characters above U+FFFF).
    /// A prefix that nothing starts with gives an empty listing.
    /// </summary>
    /// <param name="prefix">What the keys start with: any text, not only up to a slash; empty for all.</param>
    /// <param name="options">Delimiter, and where to go on.</param>
    /// <param name="cancellationToken">Ends the listing.</param>
    IAsyncEnumerable<ListEntry> ListAsync(string prefix, ListOptions options, CancellationToken cancellationToken);

    /// <summary>Deletes an object. Deleting what is not there is no error.</summary>
    /// <param name="path">Which.</param>
    /// <param name="ifVersion">Only while the object has this version, if given.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.StorageConflict"/> when it has another version.</exception>
    Task DeleteAsync(ObjectPath path, string? ifVersion, CancellationToken cancellationToken);
}
