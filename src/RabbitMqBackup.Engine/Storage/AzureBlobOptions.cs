namespace RabbitMqBackup.Engine.Storage;

/// <summary>
/// How to use a container of Azure Blob Storage. Without a secret the credentials are those of <c>DefaultAzureCredential</c>: environment, workload identity, managed identity, Azure CLI and PowerShell.
/// </summary>
public sealed record AzureBlobOptions
{
    /// <summary>Connection string of the account; not together with the next two.</summary>
    public string? ConnectionString { get; init; }

    /// <summary>Shared access signature, with or without its question mark.</summary>
    public string? SasToken { get; init; }

    /// <summary>The account that <see cref="AccountKey"/> is for; it must be that of the store's URI. Default: that one.</summary>
    public string? AccountName { get; init; }

    /// <summary>Key of the account, in base64.</summary>
    public string? AccountKey { get; init; }

    /// <summary>Base URI of the account's blob service. Default: <c>https://{account}.blob.core.windows.net</c>.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary><c>Hot</c>, <c>Cool</c> or <c>Cold</c>. Default: the account's. What is in <c>Archive</c> can't be read before it is rehydrated.</summary>
    public string? AccessTier { get; init; }

    /// <summary>What a backup is made of can't be deleted or replaced for so many days. The container must have version-level immutability. Default: none.</summary>
    public int? ImmutabilityDays { get; init; }

    /// <summary>The immutability can't be shortened or lifted any more. Default false.</summary>
    public bool ImmutabilityLocked { get; init; }

    /// <summary>What a backup is made of can't be deleted until the hold is lifted. Default false.</summary>
    public bool LegalHold { get; init; }

    /// <summary>Names none of the secrets.</summary>
    public override string ToString() => nameof(AzureBlobOptions);

    /// <summary>These options completed by those of the store's URI, which give way.</summary>
    internal AzureBlobOptions With(StoreUriOptions uri) => this with { Endpoint = Endpoint ?? uri.Endpoint("endpoint"), AccessTier = AccessTier ?? uri.Text("access_tier") };

    /// <exception cref="ArgumentException">Options that do not go together.</exception>
    internal AzureBlobOptions Check()
    {
        string? complaint =
            new[] { ConnectionString, SasToken, AccountKey }.Count(secret => secret is not null) > 1 ? "Give one of connection string, SAS and account key."
            : ConnectionString is not null && Endpoint is not null ? "A connection string names the endpoint itself."
            : AccessTier == "Archive" ? "What is put into the tier Archive can't be read, not even to list the backups: choose Hot, Cool or Cold, and let a lifecycle rule of the account archive old segments."
            : AccessTier is not (null or "Hot" or "Cool" or "Cold") ? $"'{AccessTier}' is no access tier; there are Hot, Cool and Cold."
            : ImmutabilityDays < 1 ? "Immutability needs a number of days of at least 1."
            : ImmutabilityLocked && ImmutabilityDays is null ? "Locked immutability needs a number of days."
            : null;
        return complaint is null ? this : throw new ArgumentException(complaint);
    }
}
