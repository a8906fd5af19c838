namespace RabbitMqBackup.Engine.Format;

/// <summary>Makes the errors of one segment: what is wrong and at which byte.</summary>
/// <param name="target">The object's path, or null.</param>
internal sealed class SegmentFault(string? target)
{
    private const string Remedy =
        "Take the object from another copy of the backup, or leave this segment out. Test-RabbitBackup -Deep shows what else is damaged.";

    /// <summary>Something in the object.</summary>
    internal RabbitBackupException Corrupt(long position, string complaint, Exception? inner = null) => new(
        ErrorCode.SegmentCorrupt,
        $"The segment is corrupt at byte {position}: {complaint}.",
        inner)
    { Target = target, Hint = Remedy };

    /// <summary>Something in its payload, at a position after decompression.</summary>
    internal RabbitBackupException CorruptPayload(long position, string complaint, Exception? inner = null) => new(
        ErrorCode.SegmentCorrupt,
        $"The segment is corrupt at byte {position} of its uncompressed payload: {complaint}.",
        inner)
    { Target = target, Hint = Remedy };

    /// <summary>Something that only a later format can have.</summary>
    internal RabbitBackupException TooNew(string what) => new(
        ErrorCode.FormatTooNew,
        $"The segment has {what}, which this version of the module does not know.")
    { Target = target, Hint = "Update the module to the version that wrote the backup." };
}
