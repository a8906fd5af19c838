using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>Brings the filled segments of one queue into the store, one after the other, while the next is filled.</summary>
/// <param name="context">The run.</param>
/// <param name="keyOf">A segment's path from its number.</param>
/// <param name="committed">Told of each segment in the store.</param>
internal sealed class SegmentUploads(CaptureContext context, Func<int, string> keyOf, Action<SegmentEntry> committed) : IAsyncDisposable
{
    private readonly List<SegmentEntry> _segments = [];
    private readonly Queue<SegmentWriter> _waiting = [];
    private Task<SegmentEntry>? _upload;
    private int _number;

    /// <summary>Committed segments, oldest first.</summary>
    internal IReadOnlyList<SegmentEntry> Segments => _segments;

    /// <summary>Takes over a filled segment.</summary>
    internal void Add(SegmentWriter full) => _waiting.Enqueue(full);

    /// <summary>Starts the upload of what waits; completes when at most one is under way.</summary>
    internal ValueTask StartAsync(CancellationToken cancellationToken) => _waiting.Count == 0 ? ValueTask.CompletedTask : StartAllAsync(cancellationToken);

    /// <summary>Waits until everything is committed.</summary>
    internal async Task CompleteAsync(CancellationToken cancellationToken)
    {
        await StartAllAsync(cancellationToken).ConfigureAwait(false);
        await AwaitUploadAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        while (_waiting.TryDequeue(out SegmentWriter? waiting))
        {
            waiting.Dispose();
        }

        if (_upload is not null)
        {
            // Its failure was told already, or the run is being given up; only its memory matters here.
            await ((Task)_upload).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async ValueTask StartAllAsync(CancellationToken cancellationToken)
    {
        while (_waiting.Count > 0)
        {
            await AwaitUploadAsync().ConfigureAwait(false);
            SegmentWriter writer = _waiting.Dequeue();
            string key = keyOf(++_number);
            while (context.Journal.IsTaken(key))
            {
                // By what an earlier attempt left.
                key = keyOf(++_number);
            }

            // Checksums of 64 MiB take a while: not on the thread that reads from the broker.
            _upload = Task.Run(() => UploadAsync(writer, key, cancellationToken), CancellationToken.None);
        }
    }

    private async Task AwaitUploadAsync()
    {
        if (_upload is { } upload)
        {
            _upload = null;
            _segments.Add(await upload.ConfigureAwait(false));
        }
    }

    private async Task<SegmentEntry> UploadAsync(SegmentWriter writer, string key, CancellationToken cancellationToken)
    {
        using (writer)
        {
            using SegmentContent content = writer.Finish();
            SegmentEntry entry = await context.PutSegmentAsync(key, content, cancellationToken).ConfigureAwait(false);
            committed(entry);
            return entry;
        }
    }
}
