namespace RabbitMqBackup.Engine.Storage;

/// <summary>A part of an object.</summary>
/// <param name="Offset">First byte, from 0.</param>
/// <param name="Length">Bytes, or null up to the end. A range that reaches past the end gives what there is, and one that begins behind it nothing.</param>
public readonly record struct ByteRange(long Offset, long? Length)
{
    /// <summary>Finds a caller's mistake.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A negative offset or length.</exception>
    internal void Check()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(Offset);
        ArgumentOutOfRangeException.ThrowIfNegative(Length ?? 0, nameof(Length));
    }
}
