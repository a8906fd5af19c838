using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>A lease as it lies in a store.</summary>
/// <param name="Object">Its object.</param>
/// <param name="Holder">Who holds it, or null where that can't be understood.</param>
internal sealed record FoundLease(ObjectInfo Object, LeaseHolder? Holder)
{
    /// <summary>Reads a lease; null where there is none.</summary>
    internal static async Task<FoundLease?> FindAsync(IObjectStore store, ObjectPath path, CancellationToken cancellationToken)
    {
        if (await store.HeadAsync(path, cancellationToken).ConfigureAwait(false) is not { } info)
        {
            return null;
        }

        if (info.Length > LeaseHolder.MaxBytes)
        {
            return new FoundLease(info, null);
        }

        try
        {
            using MemoryStream content = new();
            Stream stream = await store.OpenReadAsync(path, new ByteRange(0, LeaseHolder.MaxBytes), cancellationToken).ConfigureAwait(false);
            await using (stream.ConfigureAwait(false))
            {
                await stream.CopyToAsync(content, cancellationToken).ConfigureAwait(false);
            }

            return new FoundLease(info, LeaseHolder.Parse(content.ToArray()));
        }
        catch (RabbitBackupException exception) when (exception.Code == ErrorCode.ObjectNotFound)
        {
            return null;
        }
    }
}
