namespace RabbitMqBackup.Engine.Storage;

/// <summary>A store with all that its address alone does not say.</summary>
public sealed record BackupStoreOptions
{
    /// <summary>The address, as <see cref="BackupStore.Parse"/> takes it. What is given here goes before what its query says.</summary>
    public required string Uri { get; init; }

    /// <summary>The folder that a relative path starts from; null for the current folder of the process.</summary>
    public string? BaseFolder { get; init; }

    /// <summary>For <c>s3:</c> only.</summary>
    public S3Options? S3 { get; init; }

    /// <summary>For <c>azblob:</c> only.</summary>
    public AzureBlobOptions? AzureBlob { get; init; }

    /// <summary>For <c>gs:</c> only.</summary>
    public GcsOptions? Gcs { get; init; }

    /// <summary>How failures that may pass are repeated.</summary>
    public RetryOptions Retry { get; init; } = new();

    /// <summary>The longest time of one request, and the longest silence in the middle of a read. Default 100 s. A request moves 8 MiB at most.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(100);

    /// <summary>The most that goes into and out of the store together. Default: no limit.</summary>
    public long? MaxBytesPerSecond { get; init; }
}
