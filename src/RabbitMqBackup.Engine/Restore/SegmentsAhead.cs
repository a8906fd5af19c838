using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>Opens the segments of a source one after the other, and fetches and checks the next one while one is published. For one thread at a time.</summary>
/// <param name="catalog">Where they are.</param>
/// <param name="pool">Memory for them; where much of it is out, nothing is fetched ahead.</param>
internal sealed class SegmentsAhead(BackupCatalog catalog, BlockPool pool) : IAsyncDisposable
{
    private const long MaxBytes = 128 << 20;

    private readonly CancellationTokenSource _end = new();
    private (SourceSegment Segment, Task<SegmentReader> Opening)? _ahead;

    /// <summary>Opens a segment; the reader is the caller's.</summary>
    /// <param name="segment">The segment.</param>
    /// <param name="next">The one that will be wanted after it, or null.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="RabbitBackupException">As <see cref="SegmentOpening.OpenReaderAsync"/>, for this segment; what is wrong with the next one shows when it is opened.</exception>
    internal async Task<SegmentReader> OpenAsync(SourceSegment segment, SourceSegment? next, CancellationToken cancellationToken)
    {
        if (_ahead?.Segment != segment)
        {
            await DropAsync().ConfigureAwait(false);
            _ahead = (segment, Open(segment));
        }

        Task<SegmentReader> opening = _ahead!.Value.Opening;
        try
        {
            SegmentReader reader = await opening.WaitAsync(cancellationToken).ConfigureAwait(false);
            _ahead = next is not null && pool.BytesInUse + next.Entry.StoredBytes <= MaxBytes ? (next, Open(next)) : null;
            return reader;
        }
        catch when (opening.IsFaulted)
        {
            _ahead = null;
            throw;
        }
    }

    /// <summary>Gives up what is fetched and was not asked for.</summary>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync().ConfigureAwait(false);
        await DropAsync().ConfigureAwait(false);
        _end.Dispose();
    }

    private Task<SegmentReader> Open(SourceSegment segment) => Task.Run(() => catalog.OpenReaderAsync(segment.BackupId, segment.Entry, pool, _end.Token));

    private async Task DropAsync()
    {
        if (_ahead is not { Opening: var opening })
        {
            return;
        }

        _ahead = null;
        await ((Task)opening).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (opening.IsCompletedSuccessfully)
        {
            (await opening.ConfigureAwait(false)).Dispose();
        }
    }
}
