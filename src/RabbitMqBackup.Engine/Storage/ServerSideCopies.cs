namespace RabbitMqBackup.Engine.Storage;

/// <summary>What copies within a service have in common.</summary>
internal static class ServerSideCopies
{
    /// <summary>The store below the decorators.</summary>
    internal static IObjectStore Bare(IObjectStore store) => store switch
    {
        RetryingStore retrying => Bare(retrying.Inner),
        RateLimitedStore limited => Bare(limited.Inner),
        _ => store,
    };

    /// <summary>
    /// True for an answer after which the bytes take the long way, which may work or tells better what is wrong: rights to read here and to write there do not make a right to copy,
    /// some servers know no such request, and an object that is missing is the reader's matter.
    /// </summary>
    internal static bool IsRefusal(RabbitBackupException exception) =>
        exception.Code is ErrorCode.StorageAccessDenied or ErrorCode.ObjectNotFound || exception is { Code: ErrorCode.StorageUnavailable, IsTransient: false };
}
