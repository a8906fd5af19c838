using RabbitMqBackup.Engine.Broker.Amqp;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// Tells what comes back to a queue, when a reader has given it back, from what others do there: consumers that work a long queue off, one by one, would else keep one waiting until it is empty, and publishers until they
/// have filled up what ran out.
/// </summary>
internal sealed class ReturnWatch(TimeProvider time)
{
    /// <summary>A broker takes this many back in a moment, also a busy one.</summary>
    private const uint Step = 2000;

    private long _progressed = time.GetTimestamp();
    private uint? _mark;
    private uint _fewest = uint.MaxValue;

    /// <summary>For how long nothing has come back, and no reader's consumer has gone.</summary>
    internal TimeSpan Quiet(DeclareOk depth)
    {
        if (_mark is null || depth.Ready >= _mark + Step || depth.Consumers < _fewest)
        {
            (_progressed, _mark, _fewest) = (time.GetTimestamp(), Math.Max(depth.Ready, _mark ?? 0), Math.Min(depth.Consumers, _fewest));
        }

        return time.GetElapsedTime(_progressed);
    }
}
