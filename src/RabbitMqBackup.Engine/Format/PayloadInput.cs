namespace RabbitMqBackup.Engine.Format;

/// <summary>The payload as it stands in the object, between header and footer.</summary>
internal sealed class PayloadInput(BlockBuffer segment)
{
    private readonly long _end = segment.Length - SegmentFooter.Length;
    private ReadOnlyMemory<byte> _part;

    /// <summary>Where in the object the next byte is.</summary>
    internal long Position { get; private set; } = SegmentHeader.Length;

    /// <summary>Bytes to the end of the payload.</summary>
    internal long Remaining => _end - Position;

    /// <summary>The bytes that come next; empty only at the end.</summary>
    internal ReadOnlySpan<byte> Peek()
    {
        if (_part.IsEmpty && Remaining > 0)
        {
            _part = segment.Read(Position);
            _part = _part[..(int)Math.Min(_part.Length, Remaining)];
        }

        return _part.Span;
    }

    /// <summary>Steps over some of what <see cref="Peek"/> gave.</summary>
    internal void Advance(int count)
    {
        _part = _part[count..];
        Position += count;
    }
}
