namespace RabbitMqBackup.Engine.Broker;

/// <summary>How much of a queue is read, and in what portions.</summary>
/// <param name="Target">Messages to hold in all; never more than were ready.</param>
/// <param name="First">Messages of the first consumer: one where it is to tell whether the queue may be read.</param>
/// <param name="Prefetch">Messages of each other consumer.</param>
/// <param name="Stop">Why the read ends when the target is reached.</param>
internal readonly record struct ReadPortions(long Target, ushort First, ushort Prefetch, ReadStop Stop)
{
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
        long needed = consumes ? (target - probe + consumers - 1) / consumers : 0;
        ushort prefetch = (ushort)Math.Max(request.Prefetch, needed);
        return new ReadPortions(target, request.Probes ? (ushort)1 : prefetch, prefetch, stop);
    }
}
