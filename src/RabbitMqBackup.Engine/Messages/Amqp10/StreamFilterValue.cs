namespace RabbitMqBackup.Engine.Messages.Amqp10;

/// <summary>
/// The filter value of a message in a stream, where the message says it. A broker keeps filter values as bits of a bloom filter only and delivers none of them; publishers of AMQP 1.0 and, from 4.x,
/// of AMQP 0-9-1 put them into a message annotation as well.
/// </summary>
internal static class StreamFilterValue
{
    private const string Annotation = "x-stream-filter-value";

    private static ReadOnlySpan<byte> AnnotationBytes => "x-stream-filter-value"u8;

    /// <summary>A cheap look at many messages at once: false where none of them says one.</summary>
    internal static bool MayBeIn(ReadOnlySpan<byte> messages) => messages.IndexOf(AnnotationBytes) >= 0;

    /// <summary>The value, or null.</summary>
    internal static string? Find(ReadOnlySpan<byte> message) =>
        MayBeIn(message) && Amqp10Decoder.TryDecode(message, out Amqp10Message? decoded, out _) ? decoded!.Annotation(Annotation) as string : null;
}
