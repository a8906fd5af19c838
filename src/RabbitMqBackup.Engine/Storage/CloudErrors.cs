using System.Net.Sockets;
using System.Security.Authentication;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>What the answers of cloud stores mean in the engine's terms: by HTTP status, and where there was no answer by the type of what was thrown.</summary>
/// <param name="place">The store's URI without secrets, for errors.</param>
internal sealed class CloudErrors(string place)
{
    private const int InsufficientStorage = 507;

    /// <summary>Codes by which a store says that there is no room, whatever the status: Ceph's (403) and that of MinIO for a bucket's quota (400); for full disks MinIO answers 507.</summary>
    private static readonly HashSet<string> OutOfRoom = new(StringComparer.Ordinal) { "QuotaExceeded", "XMinioAdminBucketQuotaExceeded" };

    /// <summary>What an error is about; a listing of everything has no name of its own.</summary>
    internal string Named(string target) => target.Length == 0 ? place : target;

    /// <summary>The error for an answer with a status that no adapter takes for an outcome.</summary>
    /// <param name="status">HTTP status.</param>
    /// <param name="code">The store's own code, e.g. <c>AccessDenied</c>; may be empty.</param>
    /// <param name="target">The object's path.</param>
    /// <param name="retryAfter">What the answer's Retry-After says.</param>
    /// <param name="inner">What the library threw.</param>
    internal RabbitBackupException FromStatus(int status, string? code, string target, TimeSpan? retryAfter, Exception inner)
    {
        string answer = string.IsNullOrEmpty(code) ? $"status {status}" : $"status {status}, {code}";
        if (status == InsufficientStorage || (code is not null && OutOfRoom.Contains(code)))
        {
            return new(ErrorCode.StorageUnavailable, $"'{place}' can't take '{target}': the store is full or its quota is used up ({answer}).", inner)
            {
                Target = Named(target),
                Hint = "Make room, for instance by removing old backups, have the quota raised, or choose another store.",
            };
        }

        return status switch
        {
            401 or 403 => new(ErrorCode.StorageAccessDenied, $"'{place}' refuses access to '{target}' ({answer}).", inner)
            {
                Target = Named(target),
                Hint = "Check the credentials, that they may read, write, list and delete in this store, and the clock of this machine.",
            },
            404 => StoreErrors.NotFound(target, inner),
            408 or 429 or 500 or 502 or 503 or 504 => new(ErrorCode.StorageUnavailable, $"'{place}' can't do it at the moment with '{target}' ({answer}).", inner)
            {
                Target = Named(target),
                IsTransient = true,
                RetryAfter = retryAfter,
                Hint = "Repeat it later; if it stays so, look at the store's own status.",
            },
            _ => new(ErrorCode.StorageUnavailable, $"'{place}' refuses '{target}' ({answer}).", inner)
            {
                Target = Named(target),
                Hint = "Check the store's address, region and settings.",
            },
        };
    }

    /// <summary>The content did not arrive as it was sent.</summary>
    internal RabbitBackupException Garbled(string target, Exception? inner) => new(ErrorCode.StorageUnavailable, $"'{place}' got '{target}' with a wrong checksum.", inner)
    {
        Target = Named(target),
        IsTransient = true,
        Hint = "The content was altered on its way: look at the network between this machine and the store, and at proxies.",
    };

    /// <summary>An answer that says success and is not what the store would say.</summary>
    internal RabbitBackupException NotFromStore(string target) => new(ErrorCode.StorageUnavailable, $"What answered for '{place}' did not say which version of '{target}' it stored.")
    {
        Target = Named(target),
        IsTransient = true,
        Hint = "Check the endpoint, and proxies on the way: some answer with a page of their own.",
    };

    /// <summary>There is no bucket or container of this name.</summary>
    internal RabbitBackupException NoBucket(string target, Exception inner) => new(ErrorCode.StorageUnavailable, $"The bucket or container of '{place}' does not exist.", inner)
    {
        Target = Named(target),
        Hint = "Create it, or check the store's address.",
    };

    /// <summary>The error for what was thrown without an answer, or null where it is none of the network's.</summary>
    internal RabbitBackupException? FromNetwork(Exception exception, string target, CancellationToken cancellationToken)
    {
        if (exception is OperationCanceledException)
        {
            return cancellationToken.IsCancellationRequested ? null : Unreachable("did not answer in time", target, true, exception);
        }

        // A library may wrap what the network threw, as Azure's does.
        bool isBroken = false;
        for (Exception? cause = exception; cause is not null; cause = cause.InnerException)
        {
            isBroken |= cause is HttpRequestException or IOException;
            switch (cause)
            {
                case AuthenticationException:
                    return new(ErrorCode.StorageUnavailable, $"'{place}' has a certificate that this machine does not trust.", exception)
                    {
                        Target = Named(target),
                        Hint = "Check the endpoint's name, and add its authority to the trusted ones of this machine.",
                    };
                case SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData }:
                    return Unreachable("has a host that no name server knows", target, false, exception);
                case SocketException or TimeoutException:
                    return Unreachable("can't be reached", target, true, exception);
            }
        }

        return isBroken ? Unreachable("broke the connection off", target, true, exception) : null;
    }

    private RabbitBackupException Unreachable(string what, string target, bool transient, Exception inner) => new(ErrorCode.StorageUnavailable, $"'{place}' {what}.", inner)
    {
        Target = Named(target),
        IsTransient = transient,
        Hint = "Check the endpoint, and the network and proxies between this machine and the store.",
    };
}
