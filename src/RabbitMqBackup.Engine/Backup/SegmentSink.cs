using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Format;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>
/// Turns the deliveries of one queue into committed segments. One segment is filled while at most one other is uploaded: a slow store makes the
/// reader wait, which throttles the broker instead of filling memory.
/// </summary>
internal sealed class SegmentSink(CaptureContext context, Func<int, string> keyOf, Action<SegmentEntry> committed) : IDeliverySink, IAsyncDisposable
{
    private readonly List<SegmentEntry> _segments = [];
    private SegmentWriter? _writer;
    private long _now = context.UnixMilliseconds();
    private long _openedAt;
    private Task<SegmentEntry>? _upload;
    private int _number;
    private long _reportedRecords;
    private long _reportedBytes;

    /// <summary>Committed segments, oldest first.</summary>
    internal IReadOnlyList<SegmentEntry> Segments => _segments;

    /// <summary>Tells how many messages and bytes came since the last pause.</summary>
    internal Action<long, long>? Advanced { get; init; }

    /// <inheritdoc/>
    public void OnDelivery(in Delivery delivery)
    {
        if (_writer is null)
        {
            _writer = new SegmentWriter(context.WriterOptions);
            _openedAt = _now;
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
    internal async Task CompleteAsync(CancellationToken cancellationToken)
    {
        await CutAsync(cancellationToken).ConfigureAwait(false);
        await AwaitUploadAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _writer?.Dispose();
        if (_upload is not null)
        {
            // Its failure was told already, or the run is being given up; only its memory matters here.
            await ((Task)_upload).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private bool IsFull(SegmentWriter writer) =>
        writer.UncompressedBytes >= context.Options.SegmentBytes
        || _now - _openedAt >= context.Options.SegmentInterval.TotalMilliseconds
        || context.MemoryIsShort;

    private async ValueTask CutAsync(CancellationToken cancellationToken)
    {
        if (_writer is not { } writer)
        {
            return;
        }

        await AwaitUploadAsync().ConfigureAwait(false);
        _writer = null;
        string key = keyOf(++_number);
        // Checksums of 64 MiB take a while: not on the thread that reads from the broker.
        _upload = Task.Run(() => UploadAsync(writer, key, cancellationToken), CancellationToken.None);
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
