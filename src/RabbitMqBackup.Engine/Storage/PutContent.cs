using System.Security.Cryptography;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>
/// The content of a put on its way into a store: counted, hashed where a hash was promised, and compared with both at its end. Its errors are told apart from
/// the store's own, and no adapter hands the caller's stream to an SDK that might retry half of it.
/// </summary>
internal sealed class PutContent(ObjectPath path, Stream content, PutOptions options) : IDisposable
{
    private readonly IncrementalHash? _hash = options.Sha256 is null || content is IContentBlocks ? null : IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private bool _ended;

    /// <summary>Bytes read so far.</summary>
    internal long Length { get; private set; }

    /// <summary>Fills the buffer as far as the content goes: less than its length, or 0, only at the end.</summary>
    /// <exception cref="RabbitBackupException">The content failed, or at its end is not what the options promise.</exception>
    internal async ValueTask<int> FillAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        int filled = 0;
        while (filled < buffer.Length && !_ended)
        {
            int read = await ReadAsync(buffer[filled..], cancellationToken).ConfigureAwait(false);
            _hash?.AppendData(buffer.Span.Slice(filled, read));
            filled += read;
            Length += read;
            if (read == 0)
            {
                _ended = true;
                Check();
            }
        }

        return filled;
    }

    /// <summary>The next bytes: in the buffer, or where they are in memory anyway; empty at the end.</summary>
    /// <exception cref="RabbitBackupException">As of <see cref="FillAsync"/>.</exception>
    internal async ValueTask<ReadOnlyMemory<byte>> NextAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (content is not IContentBlocks blocks)
        {
            return buffer[..await FillAsync(buffer, cancellationToken).ConfigureAwait(false)];
        }

        cancellationToken.ThrowIfCancellationRequested();
        ReadOnlyMemory<byte> block = blocks.Take();
        Length += block.Length;
        if (block.IsEmpty)
        {
            Check();
        }

        return block;
    }

    /// <inheritdoc/>
    public void Dispose() => _hash?.Dispose();

    private async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            return await content.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            throw new RabbitBackupException(ErrorCode.StorageUnavailable, $"'{path}' was not stored: its content can't be read: {exception.Message}", exception)
            {
                Target = path.ToString(),
                Hint = "Look at the source of the content: the other store, the disk, the network.",
            };
        }
    }

    private void Check()
    {
        bool wrongLength = options.Length is { } promised && promised != Length;
        if (wrongLength || (_hash is not null && !options.Sha256!.Value.Span.SequenceEqual(_hash.GetHashAndReset())))
        {
            throw new RabbitBackupException(
                ErrorCode.StorageUnavailable,
                wrongLength ? $"'{path}' was not stored: its content has {Length} bytes instead of {options.Length}." : $"'{path}' was not stored: its content does not match its SHA-256.")
            {
                Target = path.ToString(),
                Hint = "The content was altered between its creation and the store: check memory and disk of this machine.",
            };
        }
    }
}
