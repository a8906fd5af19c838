namespace RabbitMqBackup.Engine;

/// <summary>Adds up what the queues of one run have done, and reports it at most ten times a second.</summary>
internal sealed class ProgressMeter(string activity, long? totalMessages, int totalQueues, TimeProvider time, Action<OperationProgress> report)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private readonly object _gate = new();
    private long _messages;
    private long _bytes;
    private int _queues;
    private readonly Dictionary<string, long> _behind = new(StringComparer.Ordinal);
    private long _lastReport;

    /// <summary>What is counted, in the plural.</summary>
    internal string Unit { get; init; } = "messages";

    /// <summary>Adds work done on <paramref name="current"/>.</summary>
    internal void Add(string current, long messages, long bytes)
    {
        lock (_gate)
        {
            _messages += messages;
            _bytes += bytes;
            if (time.GetElapsedTime(_lastReport) >= Interval)
            {
                Report(current);
            }
        }
    }

    /// <summary>So many messages that are on the broker are not captured yet.</summary>
    internal void Behind(string current, long messages)
    {
        lock (_gate)
        {
            _behind[current] = messages;
            Report(current);
        }
    }

    /// <summary>One queue is through; always reported.</summary>
    internal void QueueDone(string current)
    {
        lock (_gate)
        {
            _queues++;
            Report(current);
        }
    }

    private void Report(string current)
    {
        _lastReport = time.GetTimestamp();
        report(new OperationProgress
        {
            Activity = activity,
            Current = current,
            Unit = Unit,
            Messages = _messages,
            TotalMessages = totalMessages,
            Bytes = _bytes,
            Queues = _queues,
            TotalQueues = totalQueues,
            Behind = _behind.Count == 0 ? null : _behind.Values.Sum(),
        });
    }
}
