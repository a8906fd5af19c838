using System.Management.Automation;
using RabbitMqBackup.Engine;

namespace RabbitMqBackup.Cmdlets;

/// <summary>The one place where error records are made: ErrorId = code, a fitting category, the thing as target, the remedy as recommended action.</summary>
internal static class ErrorRecords
{
    // From 7.6 PowerShell prints the recommended action by itself; before, the message has to carry it.
    private static readonly bool ShowsRecommendedAction = typeof(PSObject).Assembly.GetName().Version >= new Version(7, 6);

    /// <summary>An error record for whatever came out of the engine.</summary>
    internal static ErrorRecord From(Exception failure) => failure switch
    {
        RabbitBackupException known => Record(known, known.Code.ToString(), Category(known.Code), known.Target, known.Hint ?? Remedies.For(known.Code)),
        ArgumentException mistake => Record(mistake, "InvalidArgument", ErrorCategory.InvalidArgument, mistake.ParamName, null),
        OperationCanceledException => Record(failure, "OperationCanceled", ErrorCategory.OperationStopped, null, null),
        _ => Record(failure, "UnexpectedError", ErrorCategory.NotSpecified, null, "This is a fault of the module. Please report it with the output of: Get-Error"),
    };

    private static ErrorRecord Record(Exception failure, string id, ErrorCategory category, string? target, string? hint)
    {
        string message = Message(failure);
        return new ErrorRecord(failure, id, category, target)
        {
            ErrorDetails = new ErrorDetails(hint is null || ShowsRecommendedAction ? message : $"{message} {hint}") { RecommendedAction = hint ?? "" },
        };
    }

    /// <summary>The message without the "(Parameter 'x')" that .NET appends to those of ArgumentException: it names the engine's parameters, not the cmdlet's.</summary>
    internal static string Message(Exception failure)
    {
        if (failure is not ArgumentException { ParamName: { } name })
        {
            return failure.Message;
        }

        int suffix = failure.Message.LastIndexOf($" (Parameter '{name}')", StringComparison.Ordinal);
        return suffix > 0 ? failure.Message[..suffix] : failure.Message;
    }

    private static ErrorCategory Category(ErrorCode code) => code switch
    {
        ErrorCode.BrokerUnreachable or ErrorCode.BrokerConnectionLost => ErrorCategory.ConnectionError,
        ErrorCode.BrokerAuthenticationFailed => ErrorCategory.AuthenticationError,
        ErrorCode.BrokerAccessRefused or ErrorCode.StorageAccessDenied => ErrorCategory.PermissionDenied,
        ErrorCode.QueueNotFound or ErrorCode.BackupNotFound or ErrorCode.ObjectNotFound => ErrorCategory.ObjectNotFound,
        ErrorCode.QueueInUse or ErrorCode.BrokerInAlarm or ErrorCode.BackupInUse or ErrorCode.CheckpointInUse => ErrorCategory.ResourceBusy,
        ErrorCode.QueueAtRisk or ErrorCode.RestoreConflict or ErrorCode.BackupProtected => ErrorCategory.InvalidOperation,
        ErrorCode.ManagementApiUnavailable or ErrorCode.StorageUnavailable or ErrorCode.QueueUnavailable or ErrorCode.CheckpointUnavailable => ErrorCategory.ResourceUnavailable,
        ErrorCode.BackupIncomplete or ErrorCode.SegmentCorrupt or ErrorCode.DefinitionInvalid or ErrorCode.CheckpointDamaged => ErrorCategory.InvalidData,
        ErrorCode.BackupExists or ErrorCode.StorageConflict or ErrorCode.DefinitionConflict => ErrorCategory.ResourceExists,
        ErrorCode.FormatTooNew or ErrorCode.PlatformNotSupported => ErrorCategory.NotImplemented,
        ErrorCode.PublishUnroutable or ErrorCode.PublishRejected => ErrorCategory.WriteError,
        ErrorCode.OperationTimedOut => ErrorCategory.OperationTimeout,
        _ => ErrorCategory.NotSpecified,
    };
}
