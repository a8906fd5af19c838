namespace RabbitMqBackup.Engine.Storage;

/// <summary>How to use a bucket of Google Cloud Storage. Without a file the credentials are Google's application default credentials: environment, gcloud, metadata server.</summary>
public sealed record GcsOptions
{
    /// <summary>File with a service account's key or other credentials in JSON.</summary>
    public string? CredentialFile { get; init; }

    /// <summary>Base URI of the JSON API. Default <c>https://storage.googleapis.com</c>.</summary>
    public Uri? Endpoint { get; init; }

    /// <summary>Storage class, e.g. <c>NEARLINE</c>. Default: the bucket's.</summary>
    public string? StorageClass { get; init; }

    /// <summary>These options completed by those of the store's URI, which give way.</summary>
    internal GcsOptions With(StoreUriOptions uri) => this with { Endpoint = Endpoint ?? uri.Endpoint("endpoint"), StorageClass = StorageClass ?? uri.Text("storage_class") };
}
