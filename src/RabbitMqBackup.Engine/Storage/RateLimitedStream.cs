namespace RabbitMqBackup.Engine.Storage;

/// <summary>Reads another stream, which it owns, no faster than a <see cref="RateLimiter"/> allows.</summary>
internal sealed class RateLimitedStream(Stream inner, RateLimiter limiter) : ReadOnlyStream
{
    /// <summary>So that a put of content that can be rewound stays one.</summary>
    public override bool CanSeek => inner.CanSeek;

    /// <inheritdoc/>
    public override long Length => inner.Length;

    /// <inheritdoc/>
    public override long Position
    {
        get => inner.Position;
        set => inner.Position = value;
    }

    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read = await inner.ReadAsync(buffer[..Math.Min(buffer.Length, limiter.Slice)], cancellationToken).ConfigureAwait(false);
        await limiter.WaitAsync(read, cancellationToken).ConfigureAwait(false);
        return read;
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => inner.Seek(offset, origin);

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => inner.DisposeAsync();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }
    }
}
