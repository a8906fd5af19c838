namespace RabbitMqBackup.Engine.Storage;

/// <summary>The kinds of store.</summary>
internal enum StoreScheme
{
    /// <summary>A folder: local, or a mounted or UNC share.</summary>
    File,

    /// <summary>Amazon S3 or a compatible server: <c>s3://bucket/prefix</c>.</summary>
    S3,

    /// <summary>Azure Blob Storage: <c>azblob://account/container/prefix</c>.</summary>
    AzureBlob,

    /// <summary>Google Cloud Storage: <c>gs://bucket/prefix</c>.</summary>
    Gcs,
}
