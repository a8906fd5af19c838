using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>
/// Metrics of streams that are followed, for whoever listens (dotnet-counters, OpenTelemetry): meter <c>RabbitMqBackup</c>, gauge <c>rabbitmqbackup.stream.behind</c>, messages on the broker that are not
/// captured yet, with the tags <c>vhost</c> and <c>stream</c>.
/// </summary>
internal static class StreamMetrics
{
    /// <summary>The meter's name.</summary>
    internal const string MeterName = "RabbitMqBackup";

    /// <summary>The gauge's name.</summary>
    internal const string BehindName = "rabbitmqbackup.stream.behind";

    private static readonly ConcurrentDictionary<QueueName, long> Streams = new();
    private static readonly Meter Meter = new(MeterName);
    private static readonly ObservableGauge<long> Gauge = Meter.CreateObservableGauge(BehindName, Observe, "{message}", "Messages on the broker that are not captured yet.");

    /// <summary>Sets a stream's value; null when it is not followed any more.</summary>
    internal static void SetBehind(QueueName stream, long? messages)
    {
        _ = Gauge;
        if (messages is { } count)
        {
            Streams[stream] = count;
        }
        else
        {
            Streams.TryRemove(stream, out _);
        }
    }

    private static IEnumerable<Measurement<long>> Observe() =>
        Streams.Select(pair => new Measurement<long>(pair.Value, new("vhost", pair.Key.VirtualHost), new("stream", pair.Key.Name)));
}
