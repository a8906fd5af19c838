namespace RabbitMqBackup.Engine.Format;

/// <summary>Reads a <see cref="BlockBuffer"/> as a stream. It does not own it.</summary>
internal sealed class BlockStream(BlockBuffer buffer) : Stream, IContentBlocks
{
    private long _position;

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => true;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => buffer.Length;

    /// <inheritdoc/>
    public override long Position
    {
        get => _position;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            _position = value;
        }
    }

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Take()
    {
        ReadOnlyMemory<byte> part = buffer.Read(_position);
        _position += part.Length;
        return part;
    }

    /// <inheritdoc/>
    public override int Read(Span<byte> destination)
    {
        ReadOnlySpan<byte> part = buffer.Read(_position).Span;
        part = part[..Math.Min(part.Length, destination.Length)];
        part.CopyTo(destination);
        _position += part.Length;
        return part.Length;
    }

    /// <inheritdoc/>
    public override int Read(byte[] destination, int offset, int count) => Read(destination.AsSpan(offset, count));

    /// <inheritdoc/>
    public override ValueTask<int> ReadAsync(Memory<byte> destination, CancellationToken cancellationToken = default) =>
        cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled<int>(cancellationToken) : new(Read(destination.Span));

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] destination, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(destination.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override async Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken)
    {
        // block by block, without a buffer in between
        for (ReadOnlyMemory<byte> part = buffer.Read(_position); !part.IsEmpty; part = buffer.Read(_position))
        {
            await destination.WriteAsync(part, cancellationToken).ConfigureAwait(false);
            _position += part.Length;
        }
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => Position = offset + origin switch
    {
        SeekOrigin.Begin => 0,
        SeekOrigin.Current => _position,
        _ => Length,
    };

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] source, int offset, int count) => throw new NotSupportedException();
}
