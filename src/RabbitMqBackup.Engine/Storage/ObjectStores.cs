namespace RabbitMqBackup.Engine.Storage;

/// <summary>Makes stores from their options. A cloud's library is loaded when a store of its kind is opened, not before.</summary>
internal static class ObjectStores
{
    /// <exception cref="ArgumentException">The address or an option can't be understood, or they do not go together.</exception>
    internal static BackupStore Create(BackupStoreOptions options)
    {
        StoreUri uri = StoreUri.Parse(options.Uri, options.BaseFolder);
        if ((options.S3 is not null && uri.Scheme != StoreScheme.S3) || (options.AzureBlob is not null && uri.Scheme != StoreScheme.AzureBlob) || (options.Gcs is not null && uri.Scheme != StoreScheme.Gcs))
        {
            throw new ArgumentException($"'{uri.DisplayUri}' is a {uri.SchemeName}: store and takes no options of another kind.", nameof(options));
        }

        if (options.MaxBytesPerSecond < 1 || options.RequestTimeout < TimeSpan.FromSeconds(1) || options.Retry.MaxAttempts < 1)
        {
            throw new ArgumentException("A rate is at least 1 byte a second, a time-out at least 1 second, and there is at least one attempt.", nameof(options));
        }

        // One policy and one rate for all that is opened from here on.
        TimeProvider time = TimeProvider.System;
        RetryPolicy policy = new(options.Retry, new CircuitBreaker(ErrorCode.StorageUnavailable, uri.DisplayUri, time), time);
        RateLimiter? limiter = options.MaxBytesPerSecond is { } rate ? new RateLimiter(rate, time) : null;
        Func<IObjectStore> open = Opener(uri, options, policy);
        return new BackupStore(uri.DisplayUri, () =>
        {
            IObjectStore store = new RetryingStore(open(), policy, options.RequestTimeout);
            return limiter is null ? store : new RateLimitedStore(store, limiter);
        }, uri.Scheme == StoreScheme.File ? uri.Folder : null);
    }

    private static Func<IObjectStore> Opener(StoreUri uri, BackupStoreOptions options, RetryPolicy policy)
    {
        StoreUriOptions query = new(uri.Options);
        switch (uri.Scheme)
        {
            case StoreScheme.S3:
                S3Options s3 = (options.S3 ?? new S3Options()).With(query).Check();
                return () => S3Client.Open(uri, s3, policy, options.RequestTimeout);
            case StoreScheme.AzureBlob:
                AzureBlobOptions azure = (options.AzureBlob ?? new AzureBlobOptions()).With(query).Check();
                return () => AzureBlobClient.Open(uri, azure, policy, options.RequestTimeout);
            case StoreScheme.Gcs:
                GcsOptions gcs = (options.Gcs ?? new GcsOptions()).With(query);
                return () => GcsClient.Open(uri, gcs, policy, options.RequestTimeout);
            default:
                return () => new FileSystemStore(uri.Folder);
        }
    }
}
