using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>
/// Turns the deliveries of one queue into committed segments. One segment is filled while at most one other is uploaded: a slow store makes the
/// reader wait, which throttles the broker instead of filling memory.
/// Where an earlier attempt has committed segments, the same records are taken for them: at the end of each the fingerprints decide whether it is kept; from the first that
/// differs on, what was read is written as new segments.
/// </summary>
internal sealed class SegmentSink(CaptureContext context, QueueJournal journal, Func<long, string> keyOf, Action<SegmentEntry> committed) : IDeliverySink, IAsyncDisposable
{
    private readonly List<SegmentEntry> _segments = [];
    private readonly Queue<StoredSegment> _stored = new(journal.Stored);
    private readonly List<StoredSegment> _replaced = [];
    private readonly RecordChain _chain = new(journal.Seed);
    private int _matched;
    private readonly CancellationTokenSource _uploads = CancellationTokenSource.CreateLinkedTokenSource(context.Options.Abort);
    private SegmentWriter? _writer;
    private long _now = context.UnixMilliseconds();
    private long _openedAt;
    private Task<SegmentEntry>? _upload;
    private long _number;
    private long _reportedRecords;
    private long _reportedBytes;

    /// <summary>
    /// What is captured, oldest first: committed segments, and those of an earlier attempt that this one has not come to. After a read that came to the queue's end there are none of these.
    /// </summary>
    internal IReadOnlyList<SegmentEntry> Segments => [.. _segments, .. _stored.Select(segment => segment.Entry)];

    /// <summary>Some of <see cref="Segments"/> were read by an earlier attempt only.</summary>
    internal bool HasUnmatched { get; private set; }

    /// <summary>Tells how many messages and bytes came since the last pause.</summary>
    internal Action<long, long>? Advanced { get; init; }

    /// <inheritdoc/>
    public void OnDelivery(in Delivery delivery)
    {
        if (_writer is null)
        {
            _writer = new SegmentWriter(context.WriterOptions);
            _openedAt = context.Timestamp();
            _reportedRecords = 0;
            _reportedBytes = 0;
        }

        _writer.Append(new RecordContent
        {
            Exchange = delivery.Exchange,
            RoutingKey = delivery.RoutingKey,
            Properties = delivery.Properties,
            Body = delivery.Body,
            Redelivered = delivery.Redelivered,
            CapturedAt = _now,
        });
        _chain.Add(delivery.Exchange, delivery.RoutingKey, delivery.Properties, delivery.Body);
        if (_stored.Count > 0 && _writer.Records == _stored.Peek().Entry.Records)
        {
            CompareWithStored(_writer);
        }
    }

    /// <inheritdoc/>
    public ValueTask OnPauseAsync(CancellationToken cancellationToken)
    {
        // One look at the clock per batch: deliveries of one read of the socket share a capture time.
        _now = context.UnixMilliseconds();
        if (_writer is null)
        {
            return ValueTask.CompletedTask;
        }

        Advanced?.Invoke(_writer.Records - _reportedRecords, _writer.UncompressedBytes - _reportedBytes);
        (_reportedRecords, _reportedBytes) = (_writer.Records, _writer.UncompressedBytes);
        return IsFull(_writer) ? CutAsync(cancellationToken) : ValueTask.CompletedTask;
    }

    /// <summary>Cuts the open segment and waits until everything is committed.</summary>
    /// <param name="isWhole">
    /// The read came to its end, and what it gave stands for the queue. Otherwise records that repeat a stored segment in part are dropped: the segment has them all; and stored segments that were different
    /// stay where they hold more than what was read now.
    /// </param>
    /// <param name="cancellationToken">Ends the wait and the uploads.</param>
    internal async Task CompleteAsync(bool isWhole, CancellationToken cancellationToken)
    {
        using CancellationTokenRegistration end = cancellationToken.UnsafeRegister(static uploads => ((CancellationTokenSource)uploads!).Cancel(), _uploads);
        if (_stored.Count > 0 && !isWhole)
        {
            _writer?.Dispose();
            _writer = null;
        }
        else
        {
            DropStored();
        }

        await CutAsync(cancellationToken).ConfigureAwait(false);
        await AwaitUploadAsync(cancellationToken).ConfigureAwait(false);
        if (!isWhole && _replaced.Sum(segment => segment.Entry.Records) > _segments.Skip(_matched).Sum(segment => segment.Records))
        {
            PutBack();
        }

        HasUnmatched = _stored.Count > 0;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _writer?.Dispose();
        await _uploads.CancelAsync().ConfigureAwait(false);
        if (_upload is not null)
        {
            // Its failure was told already, or the run is being given up; only its memory matters here.
            await ((Task)_upload).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        _uploads.Dispose();
    }

    private bool IsFull(SegmentWriter writer) =>
        context.MemoryIsShort
        || (_stored.Count == 0
            && (writer.UncompressedBytes >= context.Options.SegmentBytes || context.IsDue(_openedAt)));

    private void CompareWithStored(SegmentWriter writer)
    {
        StoredSegment stored = _stored.Peek();
        if (_chain.Value != stored.Fingerprint)
        {
            DropStored();
            return;
        }

        Advanced?.Invoke(writer.Records - _reportedRecords, writer.UncompressedBytes - _reportedBytes);
        writer.Dispose();
        _writer = null;
        _stored.Dequeue();
        _segments.Add(stored.Entry);
        _matched++;
        _number = stored.Number;
    }

    private void DropStored()
    {
        if (_stored.TryPeek(out StoredSegment? first))
        {
            journal.DropFrom(first);
            _replaced.AddRange(_stored);
            _stored.Clear();
        }
    }

    /// <summary>What an earlier attempt read takes the place of what this one did.</summary>
    private void PutBack()
    {
        // New segments have higher numbers than those that were there.
        journal.DropAbove(_replaced[^1]);
        _segments.RemoveRange(_matched, _segments.Count - _matched);
        foreach (StoredSegment segment in _replaced)
        {
            journal.Add(segment);
            _stored.Enqueue(segment);
        }
    }

    private async ValueTask CutAsync(CancellationToken cancellationToken)
    {
        if (_writer is null)
        {
            return;
        }

        await AwaitUploadAsync(cancellationToken).ConfigureAwait(false);
        SegmentWriter writer = _writer;
        _writer = null;
        DropStored();
        long number = _number = journal.NextNumber(keyOf, _number);
        long fingerprint = _chain.Value;
        // Checksums of 64 MiB take a while: not on the thread that reads from the broker.
        _upload = Task.Run(() => UploadAsync(writer, number, fingerprint), CancellationToken.None);
    }

    private async Task AwaitUploadAsync(CancellationToken cancellationToken)
    {
        if (_upload is { } upload)
        {
            SegmentEntry segment = await upload.WaitAsync(cancellationToken).ConfigureAwait(false);
            _upload = null;
            _segments.Add(segment);
        }
    }

    private async Task<SegmentEntry> UploadAsync(SegmentWriter writer, long number, long fingerprint)
    {
        using (writer)
        {
            using SegmentContent content = writer.Finish();
            SegmentEntry entry = await context.PutSegmentAsync(keyOf(number), content, _uploads.Token).ConfigureAwait(false);
            journal.Add(new StoredSegment(number, fingerprint, entry));
            committed(entry);
            return entry;
        }
    }
}
