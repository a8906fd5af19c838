using System.Security.Cryptography;
using RabbitMqBackup.Engine.Storage;

namespace RabbitMqBackup.Engine.Catalog;

/// <summary>Reads an object of a backup and compares it, at its end, with the SHA-256 and the length that the manifest tells: who reads it to its end has what was captured.</summary>
/// <param name="inner">The object; owned.</param>
/// <param name="sha256">64 lower-case hexadecimal digits.</param>
/// <param name="length">Bytes.</param>
/// <param name="name">The object, for errors.</param>
internal sealed class VerifiedStream(Stream inner, string sha256, long length, string name) : ReadOnlyStream
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long _read;
    private bool _checked;

    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read = await inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        _hash.AppendData(buffer.Span[..read]);
        _read += read;
        if (_read > length || (read == 0 && buffer.Length > 0 && !_checked))
        {
            _checked = true;
            if (_read != length || Convert.ToHexString(_hash.GetHashAndReset()).ToLowerInvariant() != sha256)
            {
                throw new RabbitBackupException(ErrorCode.SegmentCorrupt, $"'{name}' is not what its manifest says: {(_read == length ? "its SHA-256 differs" : $"it has {(_read > length ? "more than " : "")}{Math.Min(_read, length)} bytes instead of {length}")}.")
                {
                    Target = name,
                    Hint = "Test-RabbitBackup -Deep tells what else is damaged; take the backup from another copy.",
                };
            }
        }

        return read;
    }

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        _hash.Dispose();
        await inner.DisposeAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _hash.Dispose();
            inner.Dispose();
        }
    }
}
