using RabbitMqBackup.Engine.Broker.Amqp;

namespace RabbitMqBackup.Engine.Broker;

/// <content>Messages that are fetched one by one, where a consumer would do harm or be refused.</content>
internal sealed partial class QueueRead
{
    /// <summary>Gets on their way at once: enough to hide the round trip, few enough to be answered within any time-out.</summary>
    private const int GetWindow = 64;

    /// <summary>Never more gets than are wanted, since each takes a message.</summary>
    private async Task<ReadStop> FetchAsync(DataChannel channel, CancellationToken cancellationToken)
    {
        long asked = 0;
        while (_session.Answered < _plan.Target || (_session.Held == _plan.Target && await ExtendAsync(cancellationToken).ConfigureAwait(false)))
        {
            if (EarlyStop(capturing: true) is { } stop)
            {
                await WaitForAnswersAsync(asked, cancellationToken).ConfigureAwait(false);
                return stop;
            }

            if (_session.Answered > _session.Held)
            {
                // One came back empty: wait for those that are on their way, ask no more.
                await WaitForAnswersAsync(asked, cancellationToken).ConfigureAwait(false);
                return ReadStop.Drained;
            }

            int more = (int)Math.Min(GetWindow - (asked - _session.Answered), _plan.Target - asked);
            channel.Get(request.Queue.Name, more);
            asked += more;
            await WaitForAnswersAsync(asked == _plan.Target ? asked : asked - (GetWindow / 2), cancellationToken).ConfigureAwait(false);
        }

        return _session.Held == _plan.Target ? _plan.Stop : ReadStop.Drained;
    }

    private async Task WaitForAnswersAsync(long count, CancellationToken cancellationToken)
    {
        while (_session.Answered < count)
        {
            long before = _session.Answered;
            bool woken = await _session.WaitAsync(count, options.RequestTimeout, time, cancellationToken).ConfigureAwait(false);
            _session.ThrowIfFailed();
            if (!woken && !_session.IsPaused && _session.Answered == before)
            {
                throw new RabbitBackupException(ErrorCode.OperationTimedOut, $"The queue '{request.Queue}' gave no answer within {options.RequestTimeout.TotalSeconds:0} s.")
                {
                    Target = request.Queue.ToString(),
                    IsTransient = true,
                };
            }
        }
    }
}
