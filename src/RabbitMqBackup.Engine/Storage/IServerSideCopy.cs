namespace RabbitMqBackup.Engine.Storage;

/// <summary>A store that can have objects copied from another store without their bytes coming to this machine.</summary>
internal interface IServerSideCopy
{
    /// <summary>Copies an object, atomically as a put does.</summary>
    /// <param name="source">The store to copy from.</param>
    /// <param name="from">The object there.</param>
    /// <param name="to">Where to.</param>
    /// <param name="options">Conditions as of a put; the length must be given. A hash is not checked here.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>What the store tells of the copy, or null where it can't copy from that store: then nothing has been done.</returns>
    Task<ServerCopy?> TryCopyAsync(IObjectStore source, ObjectPath from, ObjectPath to, PutOptions options, CancellationToken cancellationToken);
}
