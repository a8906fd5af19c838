namespace RabbitMqBackup.Engine.Broker;

/// <summary>How much of a queue is read, and in what portions.</summary>
/// <param name="Target">Messages to hold in all; never more than were ready.</param>
/// <param name="First">Messages of the first consumer: one where it is to tell whether the queue may be read, few where their sizes are not known.</param>
/// <param name="Prefetch">Messages of each other consumer, unless their sizes say less; see <see cref="Next"/>.</param>
/// <param name="Stop">Why the read ends when the target is reached.</param>
internal readonly record struct ReadPortions(long Target, ushort First, ushort Prefetch, ReadStop Stop)
{
    /// <summary>
    /// Messages of unknown size that are asked for at first: 64 MiB if they had 8 kiB each. Not fewer: what a connection that breaks held, a quorum queue takes back consumer by consumer, in an order of its own, so that a small queue
    /// is best held by one.
    /// </summary>
    private const int Few = 8192;

    /// <summary>How many times what is held is asked for next, then.</summary>
    private const int Growth = 16;

    /// <summary>Decides.</summary>
    internal static ReadPortions For(QueueReadRequest request, long ready)
    {
        bool consumes = request.Method == QueueReadMethod.Consume;
        int probe = request.Probes ? 1 : 0;
        long consumers = ((long)request.MaxConsumers * request.MaxChannels) - probe;
        long capacity = consumes ? probe + (consumers * QueueReadRequest.MaxPrefetch) : long.MaxValue;
        long wanted = Math.Min(ready, request.MaxMessages ?? long.MaxValue);
        long target = Math.Min(wanted, capacity);
        ReadStop stop = target == ready ? ReadStop.DepthReached : target == wanted ? ReadStop.LimitReached : ReadStop.CapacityReached;
        long needed = consumes ? PerConsumer(target - probe, consumers) : 0;
        ushort prefetch = (ushort)Math.Max(request.Prefetch, needed);
        ushort first = request.Probes ? (ushort)1 : request.SizesUnknown ? (ushort)Math.Min(prefetch, Math.Max(Few, needed)) : prefetch;
        return new ReadPortions(target, first, prefetch, stop);
    }

    /// <summary>Messages of the next consumer, by what those that came tell of their sizes: a quorum queue sends all of a prefetch at once. The rest has to fit the consumers that are left, whatever its size.</summary>
    /// <param name="request">Its limits.</param>
    /// <param name="rest">Messages that are still to be asked for.</param>
    /// <param name="consumers">Consumers that can still be added; at least 1.</param>
    /// <param name="held">Messages that came.</param>
    /// <param name="bytes">Bytes of their bodies.</param>
    internal long Next(QueueReadRequest request, long rest, long consumers, long held, long bytes)
    {
        long fit = held > 0 && request.PrefetchBytes is { } limit ? limit / Math.Max(1, bytes / held) : Prefetch;
        fit = request.SizesUnknown ? Math.Min(fit, Math.Max(Few, Growth * held)) : fit;
        return Math.Clamp(Math.Max(Math.Min(Prefetch, fit), PerConsumer(rest, consumers)), 1, QueueReadRequest.MaxPrefetch);
    }

    private static long PerConsumer(long messages, long consumers) => (messages + consumers - 1) / consumers;
}
