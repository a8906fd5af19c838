using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>Holds all readers of a run to a rate of messages and bytes. A reader that waits reads nothing, so that TCP holds the broker back.</summary>
internal sealed class ReadThrottle
{
    private readonly RateLimiter? _messages;
    private readonly RateLimiter? _bytes;

    private ReadThrottle(RateLimiter? messages, RateLimiter? bytes) => (_messages, _bytes) = (messages, bytes);

    /// <summary>Null where the options limit nothing.</summary>
    internal static ReadThrottle? Of(BackupOptions options, TimeProvider time) => options is { MaxMessagesPerSecond: null, MaxBytesPerSecond: null }
        ? null
        : new ReadThrottle(
            options.MaxMessagesPerSecond is { } messages ? new RateLimiter(messages, time) : null,
            options.MaxBytesPerSecond is { } bytes ? new RateLimiter(bytes, time) : null);

    /// <summary>Accounts for what came, and waits until more may come.</summary>
    internal async ValueTask WaitAsync(int messages, int bytes, CancellationToken cancellationToken)
    {
        if (_messages is not null)
        {
            await _messages.WaitAsync(messages, cancellationToken).ConfigureAwait(false);
        }

        if (_bytes is not null)
        {
            await _bytes.WaitAsync(bytes, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Puts the throttle before a sink.</summary>
    internal IDeliverySink Before(IDeliverySink sink) => new Sink(this, sink);

    private sealed class Sink(ReadThrottle throttle, IDeliverySink inner) : IDeliverySink
    {
        private int _messages;
        private int _bytes;

        public void OnDelivery(in Delivery delivery)
        {
            _messages++;
            _bytes += delivery.Properties.Length + (int)delivery.Body.Length;
            inner.OnDelivery(delivery);
        }

        public async ValueTask OnPauseAsync(CancellationToken cancellationToken)
        {
            (int messages, int bytes) = (_messages, _bytes);
            (_messages, _bytes) = (0, 0);
            await inner.OnPauseAsync(cancellationToken).ConfigureAwait(false);
            if (messages > 0)
            {
                await throttle.WaitAsync(messages, bytes, cancellationToken).ConfigureAwait(false);
            }
        }
    }
}
