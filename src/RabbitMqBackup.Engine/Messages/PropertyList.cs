namespace RabbitMqBackup.Engine.Messages;

/// <summary>
/// The basic property list of AMQP 0-9-1 as it is on the wire and in a segment: u16 property flags, then the properties present, big-endian.
/// Nothing here allocates but <see cref="Parse"/>.
/// </summary>
internal static class PropertyList
{
    /// <summary>How deep field tables and arrays may be nested in what <see cref="Parse"/> decodes: the headers are level 1.</summary>
    internal const int MaxDepth = 64;

    /// <summary>Decodes a list for people and filters.</summary>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>, with the position in the list.</exception>
    internal static MessageProperties Parse(ReadOnlySpan<byte> raw) => throw new NotImplementedException();

    /// <summary>A header that is an integer of any width (b B s u I i l L). False where there is none of that name and kind, or the list is malformed.</summary>
    internal static bool TryGetHeader(ReadOnlySpan<byte> raw, ReadOnlySpan<byte> name, out long value) => throw new NotImplementedException();

    /// <summary>Whether there is a header of this name, of any type. False where the list is malformed.</summary>
    internal static bool HasHeader(ReadOnlySpan<byte> raw, ReadOnlySpan<byte> name) => throw new NotImplementedException();
}
