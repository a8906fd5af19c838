using RabbitMqBackup.Engine.Broker.Amqp;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// Finds out why the broker refused a consumer: it answers with 403 both when the user may not read and when another consumer is exclusive. A consumer with an argument that can't be
/// is refused with 403 in the first case only.
/// </summary>
internal sealed class RefusedConsumer(DataConnection connection, QueueName queue)
{
    internal async Task<RabbitBackupException> ExplainAsync(RabbitBackupException refusal, CancellationToken cancellationToken)
    {
        DataChannel probe = await connection.OpenChannelAsync(queue.ToString(), ChannelEvents.None, cancellationToken).ConfigureAwait(false);
        try
        {
            await probe.ConsumeAsync(queue.Name, "bk-probe", 1, new() { IsInvalid = true }, cancellationToken).ConfigureAwait(false);
            await probe.CloseAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException answer) when (answer.Code == ErrorCode.BrokerAccessRefused)
        {
            return refusal;
        }
        catch (RabbitBackupException) when (connection.Fault is null)
        {
            // Not a matter of permissions.
        }

        return new RabbitBackupException(ErrorCode.QueueInUse, $"A consumer uses the queue '{queue}' exclusively.", refusal)
        {
            Target = queue.ToString(),
            Hint = "Read it when that consumer is gone, or by fetching its messages instead of consuming.",
        };
    }
}
