using System.Globalization;
using System.Net;
using Amazon.Runtime;
using Amazon.Runtime.Internal;
using Amazon.S3;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>What the AWS library throws, in the engine's terms.</summary>
/// <param name="place">The store's URI, for errors.</param>
internal sealed class S3Errors(string place)
{
    internal const string NoSuchBucket = "NoSuchBucket";

    private readonly CloudErrors _errors = new(place);

    /// <summary>The engine's error, or null for what is none of the store's.</summary>
    internal RabbitBackupException? Translate(Exception exception, string target, CancellationToken cancellationToken) => exception switch
    {
        RabbitBackupException => null,
        AmazonS3Exception { ErrorCode: NoSuchBucket } => _errors.NoBucket(target, exception),
        AmazonS3Exception { ErrorCode: "BadDigest" or "XAmzContentChecksumMismatch" or "InvalidDigest" or "XAmzContentSHA256Mismatch" } => _errors.Garbled(target, exception),
        AmazonS3Exception { ErrorCode: "RequestTimeout" or "SlowDown" or "Throttling" or "InternalError" or "ServiceUnavailable" } s3 => _errors.FromStatus(503, s3.ErrorCode, target, RetryAfter(s3), s3),
        // A session that is over is a bad request to S3, not a forbidden one.
        AmazonS3Exception { ErrorCode: "ExpiredToken" or "InvalidToken" or "TokenRefreshRequired" } s3 => _errors.FromStatus(403, s3.ErrorCode, target, null, s3),
        AmazonServiceException { StatusCode: > 0 } service => _errors.FromStatus((int)service.StatusCode, service.ErrorCode, target, RetryAfter(service), service),
        _ when _errors.FromNetwork(exception, target, cancellationToken) is { } network => network,
        // An answer that was altered or cut on its way: the library parses before it looks at anything else.
        System.Xml.XmlException => _errors.FromStatus(503, "the answer is not XML", target, null, exception),
        AmazonClientException => NoCredentials(target, exception),
        _ => null,
    };

    /// <summary>
    /// A bad request for which S3 gives no reason: the library names it by its status. A server that refuses an object before it has read it (Ceph does, a lock that the bucket does not know) takes the rest of it for the
    /// next request over the same connection.
    /// </summary>
    internal static bool IsUnnamed(AmazonS3Exception exception) => exception is { StatusCode: HttpStatusCode.BadRequest, ErrorCode: null or "" or nameof(HttpStatusCode.BadRequest) };

    /// <summary>Such an answer to a question, which may be asked once more.</summary>
    internal RabbitBackupException NotUnderstood(string target, AmazonS3Exception inner) => _errors.FromStatus(503, inner.ErrorCode, target, null, inner);

    /// <summary>Two conditional requests met; either may be repeated.</summary>
    internal RabbitBackupException Busy(string target, Exception inner) => _errors.FromStatus(503, "ConditionalRequestConflict", target, null, inner);

    /// <summary>The answer to a put says success, and has no version of the object.</summary>
    internal RabbitBackupException NotFromStore(string target) => _errors.NotFromStore(target);

    private RabbitBackupException NoCredentials(string target, Exception inner) => new(ErrorCode.StorageAccessDenied, $"'{place}': the AWS library can't make the request: {inner.Message}", inner)
    {
        Target = _errors.Named(target),
        Hint = "Give credentials and a region: with New-RabbitBackupStore, by environment variables, or in the shared AWS profile.",
    };

    private static TimeSpan? RetryAfter(AmazonServiceException exception) =>
        exception.InnerException is HttpErrorResponseException { Response: { } response } && response.IsHeaderPresent("Retry-After")
            && int.TryParse(response.GetHeaderValue("Retry-After"), NumberStyles.None, CultureInfo.InvariantCulture, out int seconds)
            ? TimeSpan.FromSeconds(seconds)
            : null;
}
