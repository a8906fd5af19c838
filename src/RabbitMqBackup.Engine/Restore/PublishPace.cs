using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>Holds a restore to a rate, over all its queues.</summary>
internal sealed class PublishPace
{
    private readonly RateLimiter? _messages;
    private readonly RateLimiter? _bytes;

    private PublishPace(RateLimiter? messages, RateLimiter? bytes) => (_messages, _bytes) = (messages, bytes);

    /// <summary>The pace that was asked for, or null for none.</summary>
    internal static PublishPace? Of(RestoreOptions options, TimeProvider time) => options is { MaxMessagesPerSecond: null, MaxBytesPerSecond: null }
        ? null
        : new PublishPace(
            options.MaxMessagesPerSecond is { } messages ? new RateLimiter(messages, time) : null,
            options.MaxBytesPerSecond is { } bytes ? new RateLimiter(bytes, time) : null);

    /// <summary>Accounts for a message, and waits until the next one may go.</summary>
    internal ValueTask WaitAsync(int bytes, CancellationToken cancellationToken) => WaitAsync(1, bytes, cancellationToken);

    /// <summary>Accounts for several at once, as a stream's record holds them.</summary>
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
}
