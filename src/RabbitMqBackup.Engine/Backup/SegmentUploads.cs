using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>
/// Brings the filled segments of one stream into the store and its checkpoint, one after the other, while the next is filled. To compress one takes longer than to read it, so the one behind it is compressed meanwhile.
/// Those of an earlier run come first.
/// </summary>
internal sealed class SegmentUploads : IAsyncDisposable
{
    private const int MaxUnderWay = 2;

    /// <summary>Blocks come back one by one as they are compressed; nobody is told of it.</summary>
    private static readonly TimeSpan MemoryPoll = TimeSpan.FromMilliseconds(2);

    private readonly CaptureContext _context;
    private readonly QueueJournal _journal;
    private readonly Func<long, string> _keyOf;
    private readonly Action<SegmentEntry> _committed;
    private readonly List<SegmentEntry> _segments;
    private readonly Queue<SegmentWriter> _waiting = [];
    private readonly Queue<Task<SegmentEntry>> _underWay = [];

    /// <summary>Uploads outlive the connection that brought their messages, and the run's cancellation by the time it takes to end in order.</summary>
    private readonly CancellationTokenSource _uploads;
    private Task<SegmentEntry>? _last;
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

    /// <summary>Starts the upload of what waits; completes when there is memory for the next segment.</summary>
    internal ValueTask StartAsync() => _waiting.Count > 0 || HoldsUp ? StartAllAsync() : ValueTask.CompletedTask;

    /// <summary>Waits until everything is committed.</summary>
    internal async Task CompleteAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenRegistration end = cancellationToken.UnsafeRegister(static uploads => ((CancellationTokenSource)uploads!).Cancel(), _uploads);
        await StartAllAsync().ConfigureAwait(false);
        while (_underWay.Count > 0)
        {
            await AwaitFirstAsync().ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        while (_waiting.TryDequeue(out SegmentWriter? waiting))
        {
            waiting.Dispose();
        }

        await _uploads.CancelAsync().ConfigureAwait(false);
        while (_underWay.TryDequeue(out Task<SegmentEntry>? upload))
        {
            // Its failure was told already, or the run is being given up; only its memory matters here.
            await ((Task)upload).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        _uploads.Dispose();
    }

    private bool HoldsUp => _underWay.Count > 0 && _context.MemoryIsTight;

    private async ValueTask StartAllAsync()
    {
        while (_waiting.Count > 0)
        {
            while (_underWay.Count >= MaxUnderWay)
            {
                await AwaitFirstAsync().ConfigureAwait(false);
            }

            SegmentWriter writer = _waiting.Dequeue();
            long number = _number = _journal.NextNumber(_keyOf, _number);
            Task<SegmentEntry>? before = _last;
            // Compression and checksums of 64 MiB take a while: not on the thread that reads from the broker.
            _underWay.Enqueue(_last = Task.Run(() => UploadAsync(writer, number, before), CancellationToken.None));
        }

        while (HoldsUp)
        {
            if (await Task.WhenAny(_underWay.Peek(), Task.Delay(MemoryPoll)).ConfigureAwait(false) == _underWay.Peek())
            {
                await AwaitFirstAsync().ConfigureAwait(false);
            }
        }
    }

    private async Task AwaitFirstAsync() => _segments.Add(await _underWay.Dequeue().ConfigureAwait(false));

    /// <summary>Another run goes on behind the last segment that is committed, so none is before the one in front of it.</summary>
    private async Task<SegmentEntry> UploadAsync(SegmentWriter writer, long number, Task? before)
    {
        using (writer)
        {
            using SegmentContent content = writer.Finish();
            await (before ?? Task.CompletedTask).ConfigureAwait(false);
            SegmentEntry entry = await _context.PutSegmentAsync(_keyOf(number), content, _uploads.Token).ConfigureAwait(false);
            _journal.Add(new StoredSegment(number, 0, entry));
            _committed(entry);
            return entry;
        }
    }
}
