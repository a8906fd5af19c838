using RabbitMqBackup.Engine.Broker.Amqp;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// How many messages are ready, by passive declare, in a way that can be believed. For a quorum queue whose leader does not answer within 250 ms, or that has none, the broker says "no messages, no consumers" instead of
/// an error (<c>rabbit_quorum_queue:stat/2</c>, in all versions), and a leader that has just started counts what it has replayed so far. A consumer of ours makes the difference: the broker grants it only when the
/// leader has taken it down, behind all that came before, and from then on an answer without consumers is none.
/// </summary>
internal sealed class DepthQuestion(DataChannel control, QueueReadRequest request, ReadSession session, BrokerOptions options, TimeProvider time)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Much longer than it takes from the question to the consumer.</summary>
    private static readonly TimeSpan Growth = TimeSpan.FromSeconds(1);

    /// <summary>Asks while a consumer of ours is there; where they are ended, the answer has to be taken as it is.</summary>
    /// <exception cref="RabbitBackupException">The queue's leader gave no answer within the request time-out.</exception>
    internal async Task<DeclareOk> AskAsync(CancellationToken cancellationToken, bool areEnded = false)
    {
        for (long? start = null; ;)
        {
            DeclareOk answer = await control.DeclarePassiveAsync(request.Queue.Name, cancellationToken).ConfigureAwait(false);
            if (!request.IsQuorum || areEnded || answer.Consumers > 0 || session.IsCancelledByBroker)
            {
                return answer;
            }

            session.ThrowIfFailed();
            // The answer itself may have lain behind messages that nobody took for long.
            if (time.GetElapsedTime(start ??= time.GetTimestamp()) > options.RequestTimeout)
            {
                throw new RabbitBackupException(ErrorCode.OperationTimedOut, $"The leader of the queue '{request.Queue}' gave no answer within {options.RequestTimeout.TotalSeconds:0} s.")
                {
                    Target = request.Queue.ToString(),
                    IsTransient = true,
                    Hint = "See that a majority of the queue's members is online (rabbitmq-queues quorum_status), and that its leader is not overloaded.",
                };
            }

            await Task.Delay(Pause, time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Whether nothing is ready, and if so, waits until all that was sent to a consumer of ours has come: then all that had been ready is with a consumer, ours or another's. From then on only what is new could come, and
    /// who waits for that, beside consumers, waits and holds without end. Wakes the reader when it knows.
    /// </summary>
    /// <param name="known">The broker's answer, or null where it is to be asked.</param>
    /// <param name="reading">The channel that messages come over.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal async Task<bool> IsGivenOutAsync(DeclareOk? known, DataChannel reading, CancellationToken cancellationToken)
    {
        DeclareOk answer = known ?? await control.DeclarePassiveAsync(request.Queue.Name, cancellationToken).ConfigureAwait(false);
        bool isGivenOut = answer.Ready == 0 && (!request.IsQuorum || answer.Consumers > 0);
        if (isGivenOut)
        {
            if (request.IsQuorum)
            {
                // In a cluster the node that a consumer is connected to sends it its messages, and may be behind the leader, who has answered.
                await Task.Delay(request.IdleTimeout, time, cancellationToken).ConfigureAwait(false);
            }

            await reading.RoundTripAsync(cancellationToken).ConfigureAwait(false);
        }

        session.Call();
        return isGivenOut;
    }

    /// <summary>The depth at the start, and how many consumers others have, once the first of ours is there.</summary>
    /// <param name="asked">What the broker said before.</param>
    /// <param name="granted">Messages that the consumer may hold.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="RabbitBackupException">The leader was not ready when it was asked before, and the consumer is the only one that there can be.</exception>
    internal async Task<(long Depth, long Others)> ConfirmAsync(long asked, long granted, CancellationToken cancellationToken)
    {
        DeclareOk answer = await AskAsync(cancellationToken).ConfigureAwait(false);
        // Of a quorum queue something is ready only when the consumer has all that it may hold; a classic one has told the truth before.
        long depth = !request.IsQuorum ? asked : Math.Max(asked, answer.Ready > 0 ? granted + answer.Ready : session.Held);
        if (request is { MaxConsumers: 1, MaxChannels: 1 } && depth > asked && granted < Math.Min(depth, QueueReadRequest.MaxPrefetch))
        {
            // A second one would receive nothing.
            depth = await IsBeingFilledAsync(answer.Ready, cancellationToken).ConfigureAwait(false) ? asked : throw NotReady();
        }

        return (depth, (long)answer.Consumers - 1);
    }

    /// <summary>Publishers are at work: in a second as much comes once more, so that it had come since the broker was asked, in a moment.</summary>
    private async Task<bool> IsBeingFilledAsync(long ready, CancellationToken cancellationToken)
    {
        for (long start = time.GetTimestamp(); time.GetElapsedTime(start) < Growth;)
        {
            await Task.Delay(Pause, time, cancellationToken).ConfigureAwait(false);
            if ((await AskAsync(cancellationToken).ConfigureAwait(false)).Ready >= 2 * ready)
            {
                return true;
            }
        }

        return false;
    }

    private RabbitBackupException NotReady() => new(ErrorCode.OperationTimedOut, $"The leader of the queue '{request.Queue}' was not ready when its depth was asked for.")
    {
        Target = request.Queue.ToString(),
        IsTransient = true,
    };
}
