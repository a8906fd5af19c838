namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>What a channel tells its user; each does nothing unless overridden. All calls come from the connection's read loop, one at a time; only <see cref="OnPauseAsync"/> may wait.</summary>
internal abstract class ChannelEvents
{
    /// <summary>For a channel that only answers.</summary>
    internal static readonly ChannelEvents None = new Deaf();

    /// <summary>A message came, to a consumer or as an answer to get.</summary>
    internal virtual void OnDelivery(in Delivery delivery)
    {
    }

    /// <summary>A get found nothing.</summary>
    internal virtual void OnGetEmpty()
    {
    }

    /// <summary>The broker ended a consumer.</summary>
    internal virtual void OnConsumerCancelled()
    {
    }

    /// <summary>A published message reached no queue.</summary>
    internal virtual void OnReturned(in ReturnedMessage message)
    {
    }

    /// <summary>Published messages are confirmed or refused: the one with this number, or all up to it.</summary>
    internal virtual void OnConfirm(ulong deliveryTag, bool multiple, bool refused)
    {
    }

    /// <summary>The broker stops (reason) or resumes (null) taking messages from this connection.</summary>
    internal virtual void OnBlocked(string? reason)
    {
    }

    /// <summary>The channel is closed, by the broker or with its connection. Nothing comes after it.</summary>
    internal virtual void OnClosed(RabbitBackupException reason)
    {
    }

    /// <summary>A batch of bytes is done with; as long as this waits nothing more is read. It must not throw.</summary>
    internal virtual ValueTask OnPauseAsync() => ValueTask.CompletedTask;

    private sealed class Deaf : ChannelEvents;
}
