using Amazon.S3;
using Amazon.S3.Model;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>One put on its way into S3.</summary>
/// <param name="Path">The object.</param>
/// <param name="Key">Its key in the bucket.</param>
/// <param name="Options">The conditions.</param>
/// <param name="Mark">Stored with the object, so that this put can be told from another with the same content.</param>
internal sealed record S3Put(ObjectPath Path, string Key, PutOptions Options, string Mark);

/// <summary>Fills the requests of a put with what the store was opened with: encryption, class, tags, locks, checksums.</summary>
internal sealed class S3Requests(string bucket, S3Options options)
{
    /// <summary>Name of the metadata that bears <see cref="S3Put.Mark"/>.</summary>
    internal const string PutMark = "x-amz-meta-rabbitmqbackup-put";

    /// <summary>What one request copies at most.</summary>
    internal const long MaxCopyBytes = 5L << 30;

    private readonly bool _plain = options.Endpoint?.Scheme == "http";

    internal PutObjectRequest Put(S3Put put, (byte[] Buffer, int Length) content)
    {
        PutObjectRequest request = new()
        {
            BucketName = bucket,
            Key = put.Key,
            InputStream = new MemoryStream(content.Buffer, 0, content.Length, writable: false),
            IfNoneMatch = put.Options.CreateOnly ? "*" : null,
            IfMatch = put.Options.IfVersion,
            ServerSideEncryptionMethod = Encryption,
            ServerSideEncryptionKeyManagementServiceKeyId = options.KmsKeyId,
            StorageClass = Class,
            TagSet = Tags(),
            // Chunked bodies with a trailer are stored as they come by some compatible servers; so the checksum goes into a header.
            UseChunkEncoding = false,
            // Over TLS the CRC-32 protects the body; without it the signature has to.
            DisablePayloadSigning = !_plain && !options.Compatible,
        };
        request.Metadata[PutMark] = put.Mark;
        if (put.Options.Retain)
        {
            (request.ObjectLockMode, request.ObjectLockRetainUntilDate, request.ObjectLockLegalHoldStatus) = Lock();
        }

        return request;
    }

    internal InitiateMultipartUploadRequest Initiate(S3Put put)
    {
        InitiateMultipartUploadRequest request = new()
        {
            BucketName = bucket,
            Key = put.Key,
            ServerSideEncryptionMethod = Encryption,
            ServerSideEncryptionKeyManagementServiceKeyId = options.KmsKeyId,
            StorageClass = Class,
            TagSet = Tags(),
        };
        request.Metadata[PutMark] = put.Mark;
        if (put.Options.Retain)
        {
            (request.ObjectLockMode, request.ObjectLockRetainUntilDate, request.ObjectLockLegalHoldStatus) = Lock();
        }

        return request;
    }

    internal UploadPartRequest Part(S3Put put, string uploadId, int number, ReadOnlyMemory<byte> bytes)
    {
        System.Runtime.InteropServices.MemoryMarshal.TryGetArray(bytes, out ArraySegment<byte> segment);
        return new UploadPartRequest
        {
            BucketName = bucket,
            Key = put.Key,
            UploadId = uploadId,
            PartNumber = number,
            PartSize = bytes.Length,
            InputStream = new MemoryStream(segment.Array!, segment.Offset, segment.Count, writable: false),
            UseChunkEncoding = false,
            DisablePayloadSigning = !_plain && !options.Compatible,
        };
    }

    internal static CompleteMultipartUploadRequest Complete(S3Put put, InitiateMultipartUploadResponse upload, List<PartETag> parts) => new()
    {
        BucketName = upload.BucketName,
        Key = put.Key,
        UploadId = upload.UploadId,
        PartETags = parts,
        IfNoneMatch = put.Options.CreateOnly ? "*" : null,
        IfMatch = put.Options.IfVersion,
    };

    internal CopyObjectRequest Copy(S3Put put, string fromBucket, string fromKey)
    {
        CopyObjectRequest request = new()
        {
            SourceBucket = fromBucket,
            SourceKey = fromKey,
            DestinationBucket = bucket,
            DestinationKey = put.Key,
            IfNoneMatch = put.Options.CreateOnly ? "*" : null,
            IfMatch = put.Options.IfVersion,
            MetadataDirective = S3MetadataDirective.REPLACE,
            TaggingDirective = TaggingDirective.REPLACE,
            ChecksumAlgorithm = options.Compatible ? null : ChecksumAlgorithm.SHA256,
            ServerSideEncryptionMethod = Encryption,
            ServerSideEncryptionKeyManagementServiceKeyId = options.KmsKeyId,
            StorageClass = Class,
            TagSet = Tags(),
        };
        request.Metadata[PutMark] = put.Mark;
        if (put.Options.Retain)
        {
            (request.ObjectLockMode, request.ObjectLockRetainUntilDate, request.ObjectLockLegalHoldStatus) = Lock();
        }

        return request;
    }

    private ServerSideEncryptionMethod? Encryption => options.ServerSideEncryption is { } method ? new ServerSideEncryptionMethod(method) : null;

    private S3StorageClass? Class => options.StorageClass is { } name ? new S3StorageClass(name) : null;

    private List<Tag>? Tags() => options.Tags.Count == 0 ? null : [.. options.Tags.Select(tag => new Tag { Key = tag.Key, Value = tag.Value })];

    private (ObjectLockMode? Mode, DateTime? Until, ObjectLockLegalHoldStatus? Hold) Lock() => (
        options.ObjectLockMode is { } mode ? new ObjectLockMode(mode) : null,
        options.ObjectLockDays is { } days ? DateTime.UtcNow.AddDays(days) : null,
        options.LegalHold ? ObjectLockLegalHoldStatus.On : null);
}
