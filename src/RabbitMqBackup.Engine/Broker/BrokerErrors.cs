using System.Security.Authentication;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>RabbitMQ.Client's exceptions as the engine's, by type and AMQP reply code.</summary>
internal static class BrokerErrors
{
    internal static RabbitBackupException Unreachable(BrokerOptions options, string reason, Exception inner) =>
        new(ErrorCode.BrokerUnreachable, $"No connection to {options.DisplayUri}: {reason.TrimEnd('.')}.", inner)
        {
            Target = options.DisplayUri,
            IsTransient = true,
            Hint = "Check host, port and firewall, and that the broker runs.",
        };

    internal static RabbitBackupException FromConnecting(BrokerOptions options, string virtualHost, Exception exception)
    {
        string user = options.Credential.UserName;
        foreach (Exception cause in Causes(exception))
        {
            switch (cause)
            {
                case AuthenticationFailureException or PossibleAuthenticationFailureException:
                    return new(ErrorCode.BrokerAuthenticationFailed, $"{options.DisplayUri} refused the credentials of user '{user}'.", exception)
                    {
                        Target = options.DisplayUri,
                        Hint = "Check user name and password; 'guest' may only connect from the broker's own host.",
                    };
                case OperationInterruptedException { ShutdownReason.ReplyCode: Constants.NotAllowed or Constants.AccessRefused } refused:
                    return new(ErrorCode.BrokerAccessRefused, $"User '{user}' may not use virtual host '{virtualHost}' of {options.DisplayUri}: {refused.ShutdownReason.ReplyText}.", exception)
                    {
                        Target = virtualHost,
                        Hint = "Check the virtual host's name, and the user's permissions in it.",
                    };
                case AuthenticationException tls:
                    return new(ErrorCode.BrokerUnreachable, $"No TLS connection to {options.DisplayUri}: {tls.Message.TrimEnd('.')}.", exception)
                    {
                        Target = options.DisplayUri,
                        Hint = "Check the certificate and its host name; -CaCertificate trusts an authority of your own, -SkipCertificateCheck any certificate.",
                    };
            }
        }

        return Unreachable(options, exception.GetBaseException().Message, exception);
    }

    internal static RabbitBackupException FromQueue(BrokerOptions options, QueueName queue, Exception exception)
    {
        ShutdownEventArgs? reason = (exception as OperationInterruptedException)?.ShutdownReason;
        string said = reason?.ReplyText ?? exception.Message;
        (ErrorCode code, string message, bool transient) = reason?.ReplyCode switch
        {
            // Also for a queue whose node is down or has stopped; the broker's sentence says which.
            Constants.NotFound => (ErrorCode.QueueNotFound, $"Queue '{queue}' is not there or not available: {said}.", false),
            Constants.ResourceLocked => (ErrorCode.QueueInUse, $"Queue '{queue}' is exclusive to another connection.", false),
            Constants.AccessRefused => (ErrorCode.BrokerAccessRefused, $"User '{options.Credential.UserName}' may not use queue '{queue}': {said}.", false),
            Constants.PreconditionFailed => (ErrorCode.DefinitionInvalid, $"The broker refuses the properties of queue '{queue}': {said}.", false),
            _ => (ErrorCode.BrokerConnectionLost, $"{options.DisplayUri} ended the connection: {said.TrimEnd('.')}.", true),
        };
        return new(code, message, exception) { Target = queue.ToString(), IsTransient = transient };
    }

    private static IEnumerable<Exception> Causes(Exception exception)
    {
        for (Exception? cause = exception; cause is not null; cause = cause.InnerException)
        {
            yield return cause;
            if (cause is AggregateException aggregate)
            {
                foreach (Exception inner in aggregate.InnerExceptions.SelectMany(Causes))
                {
                    yield return inner;
                }

                yield break;
            }
        }
    }
}
