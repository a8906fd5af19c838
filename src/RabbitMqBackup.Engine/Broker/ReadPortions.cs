namespace RabbitMqBackup.Engine.Broker;

/// <summary>How much of a queue is read, and in what portions.</summary>
/// <param name="Target">Messages to hold in all; never more than were ready.</param>
/// <param name="Prefetch">Messages per consumer.</param>
/// <param name="Stop">Why the read ends when the target is reached.</param>
internal readonly record struct ReadPortions(long Target, ushort Prefetch, ReadStop Stop)
{
    /// <summary>Decides.</summary>
    internal static ReadPortions For(QueueReadRequest request, long ready)
    {
        long capacity = request.Method == QueueReadMethod.Consume ? (long)request.MaxConsumers * QueueReadRequest.MaxPrefetch : long.MaxValue;
        long wanted = Math.Min(ready, request.MaxMessages ?? long.MaxValue);
        long target = Math.Min(wanted, capacity);
        ReadStop stop = target == ready ? ReadStop.DepthReached : target == wanted ? ReadStop.LimitReached : ReadStop.CapacityReached;
        long needed = request.Method == QueueReadMethod.Consume ? (target + request.MaxConsumers - 1) / request.MaxConsumers : 0;
        return new ReadPortions(target, (ushort)Math.Max(request.Prefetch, needed), stop);
    }
}
