using System.Globalization;
using Azure;
using Azure.Identity;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>What the Azure library throws, in the engine's terms.</summary>
/// <param name="place">The store's URI, for errors.</param>
internal sealed class AzureErrors(string place)
{
    private readonly CloudErrors _errors = new(place);

    /// <summary>The engine's error, or null for what is none of the store's.</summary>
    internal RabbitBackupException? Translate(Exception exception, string target, CancellationToken cancellationToken) => exception switch
    {
        RabbitBackupException => null,
        AuthenticationFailedException => new(ErrorCode.StorageAccessDenied, $"'{place}': no credentials were found, or they were refused.", exception)
        {
            Target = _errors.Named(target),
            Hint = "Sign in with Connect-AzAccount or az login, give the runbook a managed identity, or give a SAS or key with New-RabbitBackupStore.",
        },
        RequestFailedException { ErrorCode: "ContainerNotFound" } => _errors.NoBucket(target, exception),
        RequestFailedException { ErrorCode: "Md5Mismatch" or "Crc64Mismatch" } => _errors.Garbled(target, exception),
        RequestFailedException { ErrorCode: "BlobImmutableDueToPolicy" or "BlobImmutableDueToLegalHold" } => Immutable(target, exception),
        RequestFailedException { Status: > 0 } failed => _errors.FromStatus(failed.Status, failed.ErrorCode, target, RetryAfter(failed), failed),
        _ => _errors.FromNetwork(exception, target, cancellationToken),
    };

    private RabbitBackupException Immutable(string target, Exception inner) => new(ErrorCode.StorageAccessDenied, $"'{target}' in '{place}' is immutable.", inner)
    {
        Target = _errors.Named(target),
        Hint = "It can be removed when its retention has ended or its legal hold is lifted.",
    };

    private static TimeSpan? RetryAfter(RequestFailedException exception) =>
        exception.GetRawResponse()?.Headers.TryGetValue("Retry-After", out string? text) == true && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds)
            ? TimeSpan.FromSeconds(seconds)
            : null;
}
