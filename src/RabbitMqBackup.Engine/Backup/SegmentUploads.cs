using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>Brings the filled segments of one stream into the store and its checkpoint, one after the other, while the next is filled. Those of an earlier run come first.</summary>
internal sealed class SegmentUploads : IAsyncDisposable
{
    private readonly CaptureContext _context;
    private readonly QueueJournal _journal;
    private readonly Func<long, string> _keyOf;
    private readonly Action<SegmentEntry> _committed;
    private readonly List<SegmentEntry> _segments;
    private readonly Queue<SegmentWriter> _waiting = [];

    /// <summary>Uploads outlive the connection that brought their messages, and the run's cancellation by the time it takes to end in order.</summary>
    private readonly CancellationTokenSource _uploads;
    private Task<SegmentEntry>? _upload;
    private long _number;

    /// <param name="context">The run.</param>
    /// <param name="journal">The stream's part of the checkpoint.</param>
    /// <param name="keyOf">A segment's path from its number.</param>
    /// <param name="committed">Told of each segment in the store.</param>
    internal SegmentUploads(CaptureContext context, QueueJournal journal, Func<long, string> keyOf, Action<SegmentEntry> committed)
    {
        (_context, _journal, _keyOf, _committed) = (context, journal, keyOf, committed);
        _uploads = CancellationTokenSource.CreateLinkedTokenSource(context.Options.Abort);
        _segments = [.. journal.Stored.Select(stored => stored.Entry)];
        _number = journal.Stored is [.., var last] ? last.Number : 0;
    }

    /// <summary>Committed segments, oldest first.</summary>
    internal IReadOnlyList<SegmentEntry> Segments => _segments;

    /// <summary>Takes over a filled segment.</summary>
    internal void Add(SegmentWriter full) => _waiting.Enqueue(full);

    /// <summary>Starts the upload of what waits; completes when at most one is under way.</summary>
    internal ValueTask StartAsync() => _waiting.Count == 0 ? ValueTask.CompletedTask : StartAllAsync();

    /// <summary>Waits until everything is committed.</summary>
    internal async Task CompleteAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenRegistration end = cancellationToken.UnsafeRegister(static uploads => ((CancellationTokenSource)uploads!).Cancel(), _uploads);
        await StartAllAsync().ConfigureAwait(false);
        await AwaitUploadAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        while (_waiting.TryDequeue(out SegmentWriter? waiting))
        {
            waiting.Dispose();
        }

        await _uploads.CancelAsync().ConfigureAwait(false);
        if (_upload is not null)
        {
            // Its failure was told already, or the run is being given up; only its memory matters here.
            await ((Task)_upload).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        _uploads.Dispose();
    }

    private async ValueTask StartAllAsync()
    {
        while (_waiting.Count > 0)
        {
            await AwaitUploadAsync().ConfigureAwait(false);
            SegmentWriter writer = _waiting.Dequeue();
            long number = _number = _journal.NextNumber(_keyOf, _number);
            // Compression and checksums of 64 MiB take a while: not on the thread that reads from the broker.
            _upload = Task.Run(() => UploadAsync(writer, number), CancellationToken.None);
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

    private async Task<SegmentEntry> UploadAsync(SegmentWriter writer, long number)
    {
        using (writer)
        {
            using SegmentContent content = writer.Finish();
            SegmentEntry entry = await _context.PutSegmentAsync(_keyOf(number), content, _uploads.Token).ConfigureAwait(false);
            _journal.Add(new StoredSegment(number, 0, entry));
            _committed(entry);
            return entry;
        }
    }
}
