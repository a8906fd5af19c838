using RabbitMqBackup.Engine.Broker.Amqp;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>The read loop's side of a publisher: settles what the broker confirms, passes on what it returns and refuses.</summary>
internal sealed class PublishSession(PublishWindow window, IPublishEvents events) : ChannelEvents
{
    private readonly Action<ulong> _onNacked = events.OnNacked;
    private RabbitBackupException? _failure;
    private TaskCompletionSource? _unblocked;

    /// <summary>The broker takes no messages at the moment.</summary>
    internal bool IsBlocked => Volatile.Read(ref _unblocked) is not null;

    /// <summary>Completes when it takes messages again, or the channel is closed; null when it is not blocked.</summary>
    internal Task? Unblocked => Volatile.Read(ref _unblocked)?.Task;

    /// <summary>Throws why the channel is closed.</summary>
    internal void ThrowIfFailed()
    {
        if (Volatile.Read(ref _failure) is { } failure)
        {
            throw failure;
        }
    }

    internal override void OnConfirm(ulong deliveryTag, bool multiple, bool refused) => window.Settle(deliveryTag, multiple, refused, _onNacked);

    internal override void OnReturned(in ReturnedMessage message)
    {
        window.CountReturned();
        events.OnReturned(message);
    }

    internal override void OnBlocked(string? reason)
    {
        if (reason is not null)
        {
            Volatile.Write(ref _unblocked, _unblocked ?? new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        else if (Interlocked.Exchange(ref _unblocked, null) is { } waiter)
        {
            waiter.TrySetResult();
        }

        events.OnBlocked(reason);
    }

    internal override void OnClosed(RabbitBackupException reason)
    {
        Volatile.Write(ref _failure, reason);
        Interlocked.Exchange(ref _unblocked, null)?.TrySetResult();
        window.Wake();
    }
}
