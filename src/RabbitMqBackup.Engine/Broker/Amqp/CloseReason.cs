namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>Translates the broker's close of a connection or channel into the engine's error: by reply code, by the method that it answers and by what the connection was doing.</summary>
internal static class CloseReason
{
    /// <summary>Of RabbitMQ's answer to a consumer above <c>consumer_max_per_channel</c> (from 3.12 on), which ends the connection.</summary>
    private const string ConsumersPerChannel = "of consumers per channel";

    /// <summary>Of RabbitMQ's answer (404) where a queue's home node is away: it is there all the same.</summary>
    private const string NodeIsDown = "is down or inaccessible";

    /// <summary>While the connection is opened, up to the broker's tune: user and password, or the certificate, are being checked.</summary>
    internal static RabbitBackupException WhileAuthenticating(CloseArguments close, string target, string user) => close.Code == ReplyCode.AccessRefused
        ? Make(ErrorCode.BrokerAuthenticationFailed, $"{target} refuses the login of '{user}'", close, target, "Check user name and password. The user 'guest' may only log in from the broker's own machine by default.")
        : Lost(close, target);

    /// <summary>While the virtual host is opened.</summary>
    internal static RabbitBackupException WhileOpening(CloseArguments close, string target, string virtualHost, string user)
    {
        // Of the virtual host or of the user; another reader, or an application, may let go of one.
        bool isFull = close.Text.Contains("connection limit", StringComparison.Ordinal);
        return close.Code is not (ReplyCode.NotAllowed or ReplyCode.AccessRefused) ? Lost(close, target) : Make(
            ErrorCode.BrokerAccessRefused,
            $"{target} does not let '{user}' into the virtual host '{virtualHost}'",
            close,
            virtualHost,
            isFull ? "Each queue that is read takes a connection: raise the limit (max-connections), or read fewer queues at once." : "Check that the virtual host exists and that the user has permissions there.",
            isFull);
    }

    /// <summary>In the middle of work.</summary>
    /// <param name="close">What the broker said.</param>
    /// <param name="target">What the channel works on: a queue, an exchange; for a connection, its URI.</param>
    internal static RabbitBackupException AtWork(CloseArguments close, string target) => close switch
    {
        { Cause: MethodId.BasicPublish } => AtPublish(close, target),
        { Code: ReplyCode.NotFound, Text: var text } when text.Contains(NodeIsDown, StringComparison.Ordinal) => Make(
            ErrorCode.QueueUnavailable, $"The node of the queue '{target}' is not within the broker's reach", close, target, "See that its node is up and connected with the others, then run again."),
        { Code: ReplyCode.NotFound } => Make(ErrorCode.QueueNotFound, $"The queue '{target}' is not there", close, target, "It may have been deleted meanwhile; list the queues with Get-RabbitQueue."),
        { Code: ReplyCode.ResourceLocked } => Make(ErrorCode.QueueInUse, $"The queue '{target}' is locked by another connection", close, target, "Exclusive queues, and quorum queues with a single active consumer, can't be read by others."),
        { Code: ReplyCode.AccessRefused } => Make(ErrorCode.BrokerAccessRefused, $"The broker refuses access to '{target}'", close, target, "Give the user read permission on the queue, or write permission on the exchange."),
        { Code: ReplyCode.NotAllowed, Text: var text } when text.Contains(ConsumersPerChannel, StringComparison.Ordinal) => Make(
            ErrorCode.BrokerConnectionLost, $"The broker lets a channel have no further consumer of '{target}'", close, target, "Its consumer_max_per_channel is lower than a read of this depth needs: raise it to 31 or more.", isTransient: true),
        { Code: ReplyCode.PreconditionFailed, Text: var text } when text.Contains("delivery acknowledgement", StringComparison.Ordinal) => Make(
            ErrorCode.BrokerConnectionLost, $"The broker took back what was held of '{target}'", close, target, "Its consumer_timeout is shorter than this read. Give -MaxHoldTime a time below it, or raise it."),
        { Code: ReplyCode.NotAllowed, Text: var text } when text.Contains("number of channels", StringComparison.Ordinal) => Make(
            ErrorCode.BrokerConnectionLost, $"The broker allows no further channel for '{target}'", close, target, "Each queue that is read takes two channels or more: raise the user's limit (max-channels), or read fewer queues at once."),
        { Code: ReplyCode.PreconditionFailed or ReplyCode.NotAllowed or ReplyCode.NotImplemented or ReplyCode.ContentTooLarge } => Make(ErrorCode.BrokerConnectionLost, $"The broker ended the work on '{target}'", close, target, null),
        _ => Lost(close, target),
    };

    /// <summary>A channel may have no further consumer.</summary>
    internal static bool IsConsumerLimit(RabbitBackupException exception) => exception.Message.Contains(ConsumersPerChannel, StringComparison.Ordinal);

    // 541 is what the broker answers to a header type that it can't take; 502 to a malformed property list.
    private static RabbitBackupException AtPublish(CloseArguments close, string target) => close.Code switch
    {
        ReplyCode.AccessRefused => Make(ErrorCode.BrokerAccessRefused, $"The user may not publish to '{target}'", close, target, "Give the user write permission on the exchange."),
        ReplyCode.ConnectionForced => Lost(close, target),
        _ => Make(ErrorCode.PublishRejected, $"The broker refuses a message published to '{target}'", close, target, "The broker's answer names the cause; the messages confirmed before are in their queues."),
    };

    private static RabbitBackupException Lost(CloseArguments close, string target) => new(ErrorCode.BrokerConnectionLost, $"The broker closed the connection of '{target}': {close.Code} {close.Text}")
    {
        Target = target,
        IsTransient = close.Code is ReplyCode.ConnectionForced or ReplyCode.ResourceError or ReplyCode.InternalError,
        Hint = close.Code == ReplyCode.ConnectionForced ? "An administrator closed it, or the broker is shutting down; try again later." : null,
    };

    private static RabbitBackupException Make(ErrorCode code, string what, CloseArguments close, string target, string? hint, bool isTransient = false) =>
        new(code, $"{what}: {close.Code} {close.Text}") { Target = target, Hint = hint, IsTransient = isTransient };
}
