namespace RabbitMqBackup.Engine.Storage;

/// <summary>What a store hands out for reading: forward only, at most so many bytes of the stream below, which it owns, with that stream's errors translated.</summary>
/// <param name="inner">The stream below.</param>
/// <param name="length">The most that is read of it; null for all.</param>
/// <param name="translate">Makes the engine's error of what the stream below threw, or null to let it pass.</param>
internal sealed class ObjectStream(Stream inner, long? length, Func<Exception, RabbitBackupException?> translate) : ReadOnlyStream
{
    private long _remaining = length ?? long.MaxValue;

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer)
    {
        try
        {
            int read = inner.Read(buffer[..(int)Math.Min(buffer.Length, _remaining)]);
            _remaining -= read;
            return read;
        }
        catch (Exception exception) when (translate(exception) is { } translated)
        {
            throw translated;
        }
    }

    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            int read = await inner.ReadAsync(buffer[..(int)Math.Min(buffer.Length, _remaining)], cancellationToken).ConfigureAwait(false);
            _remaining -= read;
            return read;
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested && translate(exception) is { } translated)
        {
            throw translated;
        }
    }

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
