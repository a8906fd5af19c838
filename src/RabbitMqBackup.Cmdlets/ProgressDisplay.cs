using System.Diagnostics;
using System.Management.Automation;
using RabbitMqBackup.Engine;

namespace RabbitMqBackup.Cmdlets;

/// <summary>
/// Shows the engine's progress with <c>Write-Progress</c>: what is done, at which rate, and the time left.
/// At most one update is queued and at most five are shown a second, however often the engine reports.
/// </summary>
internal sealed class ProgressDisplay(Cmdlet cmdlet, PipelinePump pump) : IProgress<OperationProgress>
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    // Long enough to be steady, short enough to follow a broker that slows down.
    private static readonly TimeSpan RateWindow = TimeSpan.FromSeconds(10);

    private static int _lastActivityId;

    private readonly int _activityId = Interlocked.Increment(ref _lastActivityId);
    private readonly Queue<(TimeSpan At, long Messages)> _samples = new();
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private OperationProgress? _queued;
    private TimeSpan _shownAt = TimeSpan.MinValue;
    private string? _activity;

    /// <inheritdoc/>
    public void Report(OperationProgress value)
    {
        if (_shownAt != TimeSpan.MinValue && _clock.Elapsed - _shownAt < Interval)
        {
            return;
        }

        if (Interlocked.Exchange(ref _queued, value) is null)
        {
            pump.Post(Show);
        }
    }

    /// <summary>Takes the display away. On the pipeline thread.</summary>
    /// <param name="silently">True where a write was refused already and must not be tried again.</param>
    internal void Complete(bool silently)
    {
        string? activity = _activity;
        _activity = null;
        _samples.Clear();
        _shownAt = TimeSpan.MinValue;
        if (activity is not null && !silently)
        {
            cmdlet.WriteProgress(new ProgressRecord(_activityId, activity, "Done") { RecordType = ProgressRecordType.Completed });
        }
    }

    private void Show()
    {
        if (Interlocked.Exchange(ref _queued, null) is not { } progress)
        {
            return;
        }

        _activity = progress.Activity;
        _shownAt = _clock.Elapsed;
        double rate = Rate(progress.Messages);
        ProgressRecord record = new(_activityId, progress.Activity, Status(progress, rate)) { CurrentOperation = progress.Current };
        if (progress.TotalMessages is > 0 and { } total)
        {
            record.PercentComplete = (int)Math.Clamp(100 * progress.Messages / total, 0, 100);
            record.SecondsRemaining = rate > 0 ? (int)Math.Min((total - Math.Min(progress.Messages, total)) / rate, int.MaxValue) : -1;
        }

        cmdlet.WriteProgress(record);
    }

    /// <summary>Messages a second within the window; 0 before there are two samples.</summary>
    private double Rate(long messages)
    {
        _samples.Enqueue((_shownAt, messages));
        while (_samples.Count > 2 && _shownAt - _samples.Peek().At > RateWindow)
        {
            _samples.Dequeue();
        }

        (TimeSpan at, long before) = _samples.Peek();
        double seconds = (_shownAt - at).TotalSeconds;
        return seconds > 0 ? Math.Max(0, messages - before) / seconds : 0;
    }

    private static string Status(OperationProgress progress, double rate)
    {
        string messages = progress.TotalMessages is { } total ? $"{progress.Messages:N0} of {total:N0} {progress.Unit}" : progress.Messages == 0 && progress.Current.Length > 0 ? progress.Current : $"{progress.Messages:N0} {progress.Unit}";
        string queues = progress.TotalQueues > 0 ? $", {progress.Queues:N0} of {progress.TotalQueues:N0} queues" : "";
        string behind = progress.Behind is { } count ? $", {count:N0} behind" : "";
        string speed = rate > 0 ? $", {rate:N0}/s" : "";
        string bytes = progress.Unit == "messages" || progress.Bytes > 0 ? $", {progress.Bytes / 1048576.0:N1} MiB" : "";
        return $"{messages}{behind}{queues}{bytes}{speed}";
    }
}
