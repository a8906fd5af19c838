namespace RabbitMqBackup.Engine.Broker;

/// <summary>The first step of whatever needs a broker: is it there, and does it take the credentials?</summary>
internal static class BrokerCheck
{
    /// <summary>
    /// Connects once over AMQP. Without this an unreachable broker would be told as a missing management API, which is asked before any queue is opened. A virtual host in which the
    /// user has no rights is no matter here: the queues' own virtual hosts count.
    /// </summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.BrokerUnreachable"/> or <see cref="ErrorCode.BrokerAuthenticationFailed"/>.</exception>
    internal static async Task ConnectAsync(BrokerOptions options, CancellationToken cancellationToken)
    {
        try
        {
            await using BrokerConnection connection = await BrokerConnection.OpenAsync(options, options.VirtualHost, cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException refusal) when (refusal.Code == ErrorCode.BrokerAccessRefused)
        {
            // The credentials were taken.
        }
    }
}
