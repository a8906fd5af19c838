namespace RabbitMqBackup.Engine.Catalog;

/// <summary>Changes what may be changed about a backup that is stored: whether it is pinned.</summary>
/// <param name="time">The clock; null for the system's.</param>
public sealed class BackupMarks(TimeProvider? time = null)
{
    /// <summary>Pins or unpins a backup.</summary>
    /// <returns>The manifest as it is then.</returns>
    /// <exception cref="ArgumentException">The manifest did not come from a store.</exception>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.BackupNotFound"/>, <see cref="ErrorCode.BackupIncomplete"/>, or the store's.</exception>
    public async Task<BackupManifest> PinAsync(BackupManifest manifest, bool pin, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        await using BackupCatalog catalog = new(manifest.Store ?? throw new ArgumentException("The manifest has no store.", nameof(manifest)));
        BackupPins pins = new(catalog.Objects, time ?? TimeProvider.System);
        if (!pin)
        {
            await pins.UnpinAsync(manifest.BackupId, cancellationToken).ConfigureAwait(false);
            return manifest with { IsPinned = false };
        }

        // First the pin, then the look: a removal that is under way sees one, or we see that there is nothing left.
        await pins.PinAsync(manifest.BackupId, cancellationToken).ConfigureAwait(false);
        if (!await catalog.ExistsAsync(manifest.BackupId, cancellationToken).ConfigureAwait(false))
        {
            await pins.UnpinAsync(manifest.BackupId, cancellationToken).ConfigureAwait(false);
            await catalog.GetAsync(manifest.BackupId, cancellationToken).ConfigureAwait(false);
        }

        return manifest with { IsPinned = true };
    }
}
