using RabbitMqBackup.Cmdlets.Commands;

namespace RabbitMqBackup.Cmdlets;

/// <summary>Which parameters of New-RabbitBackupStore belong to a kind of store.</summary>
internal sealed class StoreParameters
{
    internal static readonly StoreParameters Folder = new("a folder", []);

    internal static readonly StoreParameters S3 = new("an s3: store",
    [
        nameof(NewRabbitBackupStoreCommand.Credential), nameof(NewRabbitBackupStoreCommand.SessionToken), nameof(NewRabbitBackupStoreCommand.Profile), nameof(NewRabbitBackupStoreCommand.Endpoint),
        nameof(NewRabbitBackupStoreCommand.Region), nameof(NewRabbitBackupStoreCommand.PathStyle), nameof(NewRabbitBackupStoreCommand.S3Compatibility), nameof(NewRabbitBackupStoreCommand.ServerSideEncryption),
        nameof(NewRabbitBackupStoreCommand.KmsKeyId), nameof(NewRabbitBackupStoreCommand.StorageClass), nameof(NewRabbitBackupStoreCommand.ObjectLockMode), nameof(NewRabbitBackupStoreCommand.ObjectLockDays),
        nameof(NewRabbitBackupStoreCommand.LegalHold), nameof(NewRabbitBackupStoreCommand.Tag),
    ]);

    internal static readonly StoreParameters AzureBlob = new("an azblob: store",
    [
        nameof(NewRabbitBackupStoreCommand.Credential), nameof(NewRabbitBackupStoreCommand.SasToken), nameof(NewRabbitBackupStoreCommand.ConnectionString), nameof(NewRabbitBackupStoreCommand.Endpoint),
        nameof(NewRabbitBackupStoreCommand.AccessTier), nameof(NewRabbitBackupStoreCommand.ImmutabilityDays), nameof(NewRabbitBackupStoreCommand.ImmutabilityLocked), nameof(NewRabbitBackupStoreCommand.LegalHold),
    ]);

    internal static readonly StoreParameters Gcs = new("a gs: store",
    [
        nameof(NewRabbitBackupStoreCommand.CredentialFile), nameof(NewRabbitBackupStoreCommand.Endpoint), nameof(NewRabbitBackupStoreCommand.StorageClass),
    ]);

    private static readonly StoreParameters[] All = [Folder, S3, AzureBlob, Gcs];

    private readonly string _name;
    private readonly string[] _parameters;

    private StoreParameters(string name, string[] parameters) => (_name, _parameters) = (name, parameters);

    /// <summary>The kind that an address is of.</summary>
    internal static StoreParameters For(string uri) =>
        uri.StartsWith("s3:", StringComparison.OrdinalIgnoreCase) ? S3
        : uri.StartsWith("azblob:", StringComparison.OrdinalIgnoreCase) ? AzureBlob
        : uri.StartsWith("gs:", StringComparison.OrdinalIgnoreCase) ? Gcs
        : Folder;

    /// <summary>Finds a parameter that means nothing to this kind of store.</summary>
    /// <exception cref="ArgumentException">There is one, with the kinds that it is for.</exception>
    internal void RefuseOthers(IEnumerable<string> given)
    {
        foreach (string name in given)
        {
            string[] kinds = [.. All.Where(kind => kind._parameters.Contains(name)).Select(kind => kind._name)];
            if (kinds.Length > 0 && !_parameters.Contains(name))
            {
                throw new ArgumentException($"-{name} is for {string.Join(" or ", kinds)}; this is {_name}.", name);
            }
        }
    }
}
