using System.Buffers;
using System.Text;
using RabbitMqBackup.Engine.Broker.Amqp;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// Sees to it that no message is given back into its death. As soon as one is held whose next counted return would drop it, the limit is raised: also a connection that breaks counts. Where it
/// can't be raised, copies are published to the queue's tail, and only what the broker has confirmed is taken out.
/// </summary>
internal sealed class DeliveryLimitGuard(QueueReadRequest request, ReadSession session, TimeProvider time)
{
    /// <summary>
    /// Acknowledgements at once. A channel that is 32 commands ahead of a quorum queue keeps further acknowledgements back, and forgets them when it is closed (measured on 3.10 and 4.0: such messages
    /// were dead-lettered although they had been acknowledged).
    /// </summary>
    private const int AcknowledgementsAtOnce = 16;

    /// <summary>Messages are held meanwhile, and hardly ever for a reason.</summary>
    private static readonly TimeSpan LookPatience = TimeSpan.FromSeconds(10);

    private readonly HashSet<EndangeredMessage> _publishedAgain = new(ReferenceEqualityComparer.Instance);
    private RaisedLimit? _raised;
    private bool _canNotBeRaised;
    private int _tried;
    private long? _loweredTo;

    /// <summary>Messages that are endangered come, and only copies help: then few are held at a time, since a reader that dies takes what it holds with it.</summary>
    internal bool OnlyCopiesHelp => _canNotBeRaised && request.Rescue is not null;

    /// <summary>Copies that the queue has taken.</summary>
    internal int Copied => _publishedAgain.Count;

    /// <summary>Something is held that a copy would help, and none was tried.</summary>
    internal bool HasToPublish => OnlyCopiesHelp && session.Endangered.Count > _tried;

    /// <summary>Raises the limit if anything that is held needs that.</summary>
    internal async Task RaiseAsync()
    {
        while (session.HasEndangered && !_canNotBeRaised && request.Rescue is { } rescue)
        {
            // Not the caller's token: an operator who interrupts the backup does not mean to lose messages.
            using CancellationTokenSource patience = new(rescue.Patience, time);
            RaisedLimit? raised = await rescue.RaiseAsync(session.HighestDeliveryCount ?? 0, patience.Token).ConfigureAwait(false);
            _canNotBeRaised = raised is null;
            _raised = raised ?? _raised;
            if (raised is not null)
            {
                session.RaiseLimit(raised.Limit);
            }
        }
    }

    /// <summary>The last chance before the release, with all consumers gone.</summary>
    internal async Task SettleAsync(IReadOnlyList<ReadChannel> channels)
    {
        await LookAtLimitAsync().ConfigureAwait(false);
        await RaiseAsync().ConfigureAwait(false);
        try
        {
            await PublishAgainAsync(channels).ConfigureAwait(false);
        }
        finally
        {
            Tell();
        }
    }

    /// <summary>A policy can have been set, or changed, since the read began.</summary>
    private async Task LookAtLimitAsync()
    {
        if (session.Held == 0 || request.Rescue is not { } rescue)
        {
            return;
        }

        using CancellationTokenSource patience = new(LookPatience, time);
        if (await rescue.LimitNowAsync(patience.Token).ConfigureAwait(false) is { } limit && session.LowerLimit(limit))
        {
            _loweredTo = limit;
        }
    }

    /// <summary>Copies of what is endangered and was not tried yet. Only while nothing is on its way, and no consumer is there that would be sent more for what is taken out.</summary>
    internal async Task PublishAgainAsync(IReadOnlyList<ReadChannel> channels, bool besideOthers = false)
    {
        session.Copies.AreSought |= besideOthers;
        EndangeredMessage[] messages = [.. session.Endangered.Skip(_tried)];
        _tried = session.Endangered.Count;
        foreach (IGrouping<int, EndangeredMessage> some in messages.GroupBy(message => message.Channel).Where(_ => request.Rescue is not null))
        {
            await PublishAgainAsync(channels[some.Key], [.. some], request.Rescue!).ConfigureAwait(false);
        }
    }

    /// <summary>What was done; also where the read breaks off.</summary>
    internal void Tell()
    {
        if (session.EndangeredTotal > 0 || _loweredTo is not null)
        {
            request.Rescued?.Invoke(new RescueOutcome
            {
                Endangered = session.EndangeredTotal,
                LoweredTo = _loweredTo,
                Raised = _raised,
                PublishedAgain = [.. session.Endangered.Where(_publishedAgain.Contains)],
                Lost = [.. session.Endangered.Where(message => !_publishedAgain.Contains(message))],
            });
        }
    }

    /// <summary>
    /// Over the channel that holds the originals, so that the queue sees copies and acknowledgements in one order: a confirm says that the acknowledgements before it have arrived as well. The last
    /// message goes alone, to be that for all others; its own acknowledgement is the only one on its way when the channel is closed.
    /// </summary>
    private async Task PublishAgainAsync(ReadChannel held, EndangeredMessage[] messages, IDeliveryLimitRescue rescue)
    {
        DataChannel channel = held.Channel;
        session.Copies.Begin(messages[0].Channel);
        await channel.ConfirmSelectAsync(CancellationToken.None).ConfigureAwait(false);
        foreach (EndangeredMessage[] some in messages[..^1].Chunk(AcknowledgementsAtOnce).Append([messages[^1]]))
        {
            List<ulong> sequences = [];
            foreach (EndangeredMessage message in some)
            {
                sequences.Add(session.Copies.Window!.Add(message.Body.Length));
                await channel.PublishAsync(
                    ReadOnlyMemory<byte>.Empty,
                    Encoding.UTF8.GetBytes(request.Queue.Name),
                    mandatory: true,
                    new ReadOnlySequence<byte>(rescue.PropertiesOfCopy(message)),
                    new ReadOnlySequence<byte>(message.Body)).ConfigureAwait(false);
            }

            if (!await AreSettledAsync(channel, rescue.Patience).ConfigureAwait(false))
            {
                // What is not known to have arrived counts as not arrived: better twice than not at all.
                return;
            }

            for (int i = 0; i < some.Length; i++)
            {
                if (session.Copies.IsTaken(sequences[i]))
                {
                    channel.Acknowledge(some[i].DeliveryTag);
                    session.Copies.Add(rescue.PropertiesOfCopy(some[i]).Span, some[i].Body);
                    _publishedAgain.Add(some[i]);
                    some[i].Forget();
                    held.Acknowledged++;
                }
            }
        }
    }

    private async Task<bool> AreSettledAsync(DataChannel channel, TimeSpan patience)
    {
        try
        {
            while (session.Copies.Window!.WaitForAll() is { } wait)
            {
                await wait.WaitAsync(patience, time).ConfigureAwait(false);
                if (channel.Closed is { } reason)
                {
                    throw reason;
                }
            }

            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }
}
