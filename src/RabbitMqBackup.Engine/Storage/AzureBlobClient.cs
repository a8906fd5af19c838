using Azure;
using Azure.Identity;
using Azure.Storage;
using Azure.Storage.Blobs;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>Makes the Azure library's client as the options say. Repeating is ours, so the library does not.</summary>
internal static class AzureBlobClient
{
    internal static AzureBlobStore Open(StoreUri uri, AzureBlobOptions options, RetryPolicy policy, TimeSpan requestTimeout) => new(Create(uri, options, requestTimeout), uri, options, policy);

    private static BlobContainerClient Create(StoreUri uri, AzureBlobOptions options, TimeSpan requestTimeout)
    {
        BlobClientOptions settings = new() { Retry = { MaxRetries = 0, NetworkTimeout = requestTimeout } };
        AzureBlobOptions chosen = FromEnvironment(uri, options);
        if (chosen.AccountName is { } name && name != uri.Account)
        {
            throw new ArgumentException($"The credential is for the account '{name}', the store's URI for '{uri.Account}'.");
        }

        try
        {
            if (chosen.ConnectionString is { } connection)
            {
                BlobServiceClient service = new(connection, settings);
                return service.AccountName == uri.Account
                    ? service.GetBlobContainerClient(uri.Bucket)
                    : throw new ArgumentException($"The connection string is for the account '{service.AccountName}', the store's URI for '{uri.Account}'.");
            }

            Uri endpoint = chosen.Endpoint ?? new Uri($"https://{uri.Account}.blob.core.windows.net");
            Uri container = new($"{endpoint.ToString().TrimEnd('/')}/{uri.Bucket}");
            return chosen switch
            {
                { SasToken: { } token } => new BlobContainerClient(container, new AzureSasCredential(token.TrimStart('?')), settings),
                { AccountKey: { } key } => new BlobContainerClient(container, new StorageSharedKeyCredential(uri.Account, key), settings),
                _ => new BlobContainerClient(container, new DefaultAzureCredential(), settings),
            };
        }
        catch (FormatException)
        {
            // Its text could repeat the secret.
            throw new ArgumentException("The connection string or the account key of the Azure store is malformed.");
        }
    }

    /// <summary>Where no secret is given: the variables that Azure's own command line takes, if they are for this account; else none.</summary>
    private static AzureBlobOptions FromEnvironment(StoreUri uri, AzureBlobOptions options)
    {
        if (options.ConnectionString is not null || options.SasToken is not null || options.AccountKey is not null)
        {
            return options;
        }

        static string? Read(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
        if (options.Endpoint is null && Read("AZURE_STORAGE_CONNECTION_STRING") is { } connection && connection.Contains($"AccountName={uri.Account};", StringComparison.Ordinal))
        {
            return options with { ConnectionString = connection };
        }

        return Read("AZURE_STORAGE_ACCOUNT") == uri.Account ? options with { AccountKey = Read("AZURE_STORAGE_KEY"), SasToken = Read("AZURE_STORAGE_KEY") is null ? Read("AZURE_STORAGE_SAS_TOKEN") : null } : options;
    }
}
