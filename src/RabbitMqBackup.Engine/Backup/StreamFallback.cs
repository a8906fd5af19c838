using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>
/// Captures a stream over AMQP 0-9-1, where the stream port can't be reached. Messages come as the broker converts them, and the manifest says what is lost by that; such a stream is never the base of an
/// incremental backup.
/// </summary>
internal static class StreamFallback
{
    /// <summary>How it was read, in the manifest.</summary>
    internal const string ReadBy = "consume";

    /// <summary>Seen on 4.0 and 4.3: a broker passes over compressed batches without a word (3.10 breaks the connection off). Offsets are all that is known of the rest.</summary>
    private const string NotDelivered =
        "The broker delivered no messages for these offsets over AMQP 0-9-1: it leaves out compressed batches. What retention has taken since, and offsets that consumers have stored, can't be told from them, and count here.";

    private static readonly string[] Lost =
    [
        "compressed batches with all their messages, which the broker leaves out; messages of the others are stored one by one",
        "sections of AMQP 1.0 that AMQP 0-9-1 has no place for (delivery annotations, footer, some properties), the types of values, bodies other than data",
        "the chunks' timestamps, in place of which stands the time of the capture, and their epochs",
        "offsets that consumers have stored",
        "filter values that are not in the message",
    ];

    /// <summary>Whether retention may have taken what is before the first message; else nothing but a batch that was left out can have been there.</summary>
    private static bool LosesOldest(QueueInfo queue) =>
        queue.Arguments.Keys.Any(key => key is "x-max-age" or "x-max-length-bytes") || queue.EffectivePolicy.Keys.Any(key => key is "max-age" or "max-length-bytes");

    /// <summary>Reads the stream into segments.</summary>
    /// <param name="context">The run.</param>
    /// <param name="queue">The stream.</param>
    /// <param name="entry">Its row so far.</param>
    /// <param name="unreachable">Why the stream protocol is of no use.</param>
    /// <param name="committed">Told of each segment in the store.</param>
    /// <param name="advanced">Told of messages and bytes as they come.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Its row.</returns>
    internal static async Task<QueueEntry> RunAsync(
        CaptureContext context, QueueInfo queue, QueueEntry entry, RabbitBackupException unreachable, Action<SegmentEntry> committed, Action<long, long> advanced, CancellationToken cancellationToken)
    {
        await using SegmentSink sink = new(context, context.Journal.Of(queue.VirtualHost, queue.Name), number => QueueKey.Segment(queue.VirtualHost, queue.Name, number, context.Options.Compression), committed) { Advanced = advanced };
        StreamQueueReadResult result = new(null, null, 0, 0, 0);
        RabbitBackupException? failure = null;
        try
        {
            result = await new StreamQueueReader(context.Broker, context.Time).ReadAsync(new QueueName(queue.VirtualHost, queue.Name), context.Throttle?.Before(sink) ?? sink, cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException exception) when (!exception.Code.IsStorage())
        {
            failure = exception;
        }

        await sink.CompleteAsync(isWhole: failure is null, cancellationToken).ConfigureAwait(false);
        long messages = sink.Segments.Sum(segment => segment.Records);
        List<GapEntry> gaps = failure is null ? [] : [new GapEntry(null, failure.Code.ToString(), failure.Message)];
        long missing = result.Missing + (LosesOldest(queue) ? 0 : result.FirstOffset ?? 0);
        if (failure is null && (missing = Math.Max(missing, Math.Max(queue.Messages, result.Depth) - messages)) > 0)
        {
            gaps.Add(new GapEntry(missing, "NotDelivered", NotDelivered));
        }

        return entry with
        {
            Outcome = gaps.Count == 0 ? QueueOutcome.Captured : failure is not null && messages == 0 ? QueueOutcome.Failed : QueueOutcome.Incomplete,
            DepthAtStart = messages + gaps.Sum(gap => gap.Messages ?? 0),
            Messages = messages,
            Bytes = sink.Segments.Sum(segment => segment.UncompressedBytes),
            ReadBy = ReadBy,
            ErrorCode = failure?.Code.ToString(),
            Reason = failure?.Message,
            Gaps = gaps,
            Segments = sink.Segments,
            Stream = new StreamEntry
            {
                LastOffset = result.LastOffset,
                NextOffset = result.LastOffset + 1,
                Lost = [$"the stream protocol, which would have kept everything, was out of reach: {unreachable.Message}", .. Lost],
            },
        };
    }
}
