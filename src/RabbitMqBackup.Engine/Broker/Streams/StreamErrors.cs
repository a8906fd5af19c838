using System.Security.Authentication;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>Turns response codes and broken frames of the stream protocol into the engine's exception; the only place where it is done.</summary>
internal static class StreamErrors
{
    /// <summary>The broker, or what answers in its place, sent something that is no frame of the protocol.</summary>
    /// <param name="why">What was wrong.</param>
    internal static RabbitBackupException Malformed(string why) =>
        new(ErrorCode.BrokerConnectionLost, $"The broker sent a malformed frame: {why}.")
        {
            Hint = "Check that the stream endpoint is the port of RabbitMQ's stream listener (5552, with TLS 5551).",
        };

    /// <summary>The connection ended, or does not answer.</summary>
    /// <param name="target">The endpoint.</param>
    /// <param name="why">How it ended.</param>
    /// <param name="inner">What the socket threw.</param>
    internal static RabbitBackupException Lost(string target, string why, Exception? inner = null) =>
        new(ErrorCode.BrokerConnectionLost, $"The stream connection to {target} was lost: {why}.", inner) { Target = target, IsTransient = true };

    /// <summary>The broker closed the connection and said why.</summary>
    /// <param name="target">The endpoint.</param>
    /// <param name="code">The broker's code.</param>
    /// <param name="reason">The broker's words.</param>
    internal static RabbitBackupException Closed(string target, StreamResponseCode code, string? reason) =>
        new(code is StreamResponseCode.Ok or StreamResponseCode.InternalError or StreamResponseCode.UnknownFrame or StreamResponseCode.FrameTooLarge
                ? ErrorCode.BrokerConnectionLost
                : Classify(code),
            $"The broker {target} closed the stream connection with code {(ushort)code} ({code}): {reason}.")
        {
            Target = target,
            IsTransient = code is StreamResponseCode.Ok or StreamResponseCode.InternalError,
            Hint = code is StreamResponseCode.FrameTooLarge ? "A frame exceeds the broker's stream.frame_max: raise it, or restore this stream through AMQP." : null,
        };

    /// <summary>A request was refused.</summary>
    /// <param name="code">The broker's code.</param>
    /// <param name="action">What was tried, as "create the stream".</param>
    /// <param name="target">What it was tried on.</param>
    internal static RabbitBackupException Refused(StreamResponseCode code, string action, string target) =>
        new(Classify(code), $"The broker refused to {action} '{target}': code {(ushort)code} ({code}).")
        {
            Target = target,
            IsTransient = code is StreamResponseCode.StreamNotAvailable or StreamResponseCode.InternalError,
            Hint = code switch
            {
                StreamResponseCode.AuthenticationFailureLoopback => "The user may connect from the broker's own machine only: use another user.",
                StreamResponseCode.VirtualHostAccessFailure => "Check the virtual host's name and the user's permissions in it.",
                StreamResponseCode.StreamNotAvailable => "See that the nodes that hold it are up: a majority of them has to be.",
                _ => null,
            },
        };

    /// <summary>The broker did not do its part in time.</summary>
    /// <param name="target">The endpoint.</param>
    /// <param name="what">What it did not do, as "did not answer".</param>
    /// <param name="limit">How long it had.</param>
    /// <param name="inner">What ended the wait.</param>
    internal static RabbitBackupException TimedOut(string target, string what, TimeSpan limit, Exception inner) =>
        new(ErrorCode.OperationTimedOut, $"The broker {target} {what} for {limit.TotalSeconds:0} s.", inner)
        {
            Target = target,
            IsTransient = true,
            Hint = "Check whether the broker has a memory or disk alarm; a longer request time-out can be set on the connection.",
        };

    /// <summary>What a socket or a frame threw, as an error of the connection; anything else, as an error of a sink, stays as it is.</summary>
    internal static Exception Translate(string target, Exception e) => e switch
    {
        IOException or ObjectDisposedException or AuthenticationException => Lost(target, "the socket broke", e),
        OperationCanceledException => Lost(target, "it was closed", e),
        RabbitBackupException { Target: null } known => new RabbitBackupException(known.Code, known.Message, known) { Target = target, Hint = known.Hint, IsTransient = known.IsTransient },
        _ => e,
    };

    /// <summary>A copy for another waiter, so that stack traces do not mix.</summary>
    internal static RabbitBackupException Again(RabbitBackupException e) =>
        new(e.Code, e.Message, e) { Target = e.Target, IsTransient = e.IsTransient, Hint = e.Hint };

    private static ErrorCode Classify(StreamResponseCode code) => code switch
    {
        StreamResponseCode.StreamDoesNotExist => ErrorCode.QueueNotFound,
        StreamResponseCode.StreamNotAvailable => ErrorCode.QueueUnavailable,
        StreamResponseCode.StreamAlreadyExists or StreamResponseCode.PreconditionFailed => ErrorCode.DefinitionConflict,
        StreamResponseCode.SaslMechanismNotSupported or StreamResponseCode.AuthenticationFailure or StreamResponseCode.SaslError
            or StreamResponseCode.SaslChallenge or StreamResponseCode.AuthenticationFailureLoopback => ErrorCode.BrokerAuthenticationFailed,
        StreamResponseCode.VirtualHostAccessFailure or StreamResponseCode.AccessRefused => ErrorCode.BrokerAccessRefused,
        StreamResponseCode.PublisherDoesNotExist or StreamResponseCode.FrameTooLarge => ErrorCode.PublishRejected,
        _ => ErrorCode.BrokerConnectionLost,
    };
}
