using System.Diagnostics;
using RabbitMqBackup.Engine.Messages.Amqp10;
using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>
/// Writes entries to a stream, exactly once: under a name the broker stores no publishing id twice, so that a second run with the same ids adds what is missing and nothing else.
/// For one caller at a time. Entries go out as they came in, batches packed as they were.
/// </summary>
internal sealed class StreamPublisher : IStreamListener, IAsyncDisposable
{
    private const byte Publisher = 1;

    /// <summary>Where the broker names no limit, frames are still kept at what brokers take by default.</summary>
    private const int DefaultFrameMax = 1024 * 1024;

    /// <summary>Refusals kept one by one; beyond, only their number is.</summary>
    private const int MaxRefusalsKept = 1000;

    private static readonly TimeSpan DisposeTimeout = TimeSpan.FromSeconds(5);

    private readonly StreamConnection _connection;
    private readonly StreamPublishOptions _options;
    private readonly PublishFrame _frame;
    private readonly PublishWindow _window;
    private readonly List<StreamRefusal> _refused = [];
    private readonly object _gate = new();
    private TaskCompletionSource? _waiter;
    private int _roomWanted;
    private long _lastConfirm;
    private Exception? _failure;

    private StreamPublisher(StreamConnection connection, string stream, StreamPublishOptions options)
    {
        (_connection, Stream, _options) = (connection, stream, options);
        int frameMax = connection.FrameMax is 0 ? DefaultFrameMax : (int)Math.Min(connection.FrameMax, int.MaxValue);
        _frame = new PublishFrame(Publisher, stream, options.FrameEntries, frameMax);
        _window = new PublishWindow(Math.Max(options.Window, options.FrameEntries));
    }

    /// <summary>The stream.</summary>
    internal string Stream { get; }

    /// <summary>The highest publishing id that the broker had of this publisher when it was declared; 0 for none. Entries up to it need not be sent again.</summary>
    internal ulong StoredId { get; private set; }

    /// <summary>Everything up to this id is confirmed, or refused; 0 at first. A checkpoint may say so.</summary>
    internal ulong SettledId
    {
        get
        {
            lock (_gate)
            {
                return _window.SettledId;
            }
        }
    }

    /// <summary>Entries confirmed.</summary>
    internal long Confirmed { get; private set; }

    /// <summary>Messages in them.</summary>
    internal long ConfirmedMessages { get; private set; }

    /// <summary>Entries refused.</summary>
    internal long RefusedCount { get; private set; }

    /// <summary>Messages in them.</summary>
    internal long RefusedMessages { get; private set; }

    /// <summary>Messages of chunks that were not sent, since the broker has them by their ids.</summary>
    internal long SkippedMessages { get; private set; }

    /// <summary>The first thousand entries refused.</summary>
    internal IReadOnlyList<StreamRefusal> Refused
    {
        get
        {
            lock (_gate)
            {
                return [.. _refused];
            }
        }
    }

    /// <summary>Declares a publisher.</summary>
    /// <param name="connection">Its only user as long as the publisher lives; best to the stream's leader.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="reference">The publisher's name, up to 255 bytes: the same for a second run. Empty for none, and then nothing keeps an entry from being stored twice.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellationToken">Gives up.</param>
    internal static async Task<StreamPublisher> DeclareAsync(
        StreamConnection connection, string stream, string reference, StreamPublishOptions? options, CancellationToken cancellationToken)
    {
        StreamPublisher publisher = new(connection, stream, options ?? new StreamPublishOptions());
        connection.Listener = publisher;
        await connection.DeclarePublisherAsync(Publisher, reference, stream, cancellationToken).ConfigureAwait(false);
        if (reference.Length > 0)
        {
            publisher.StoredId = await connection.QueryPublisherSequenceAsync(reference, stream, cancellationToken).ConfigureAwait(false);
        }

        return publisher;
    }

    /// <summary>Whether an entry of this size can go through the stream protocol at all; a larger one can only be published through AMQP.</summary>
    /// <param name="wireLength">Its length as in a chunk, with its header.</param>
    internal bool Fits(int wireLength) => _frame.Fits(wireLength);

    /// <summary>Whether this broker takes an entry through the stream protocol. Where it does not, it would refuse the entries after it, too.</summary>
    internal bool CanPublish(in ChunkEntry entry) => Fits(entry.Wire.Length) && Takes(entry);

    /// <summary>Whatever their ids say, batches that this broker refuses are not there.</summary>
    private bool Takes(in ChunkEntry entry) => entry.IsWellFormed || !_connection.Features.ChecksBatches;

    /// <summary>Publishes the entries of a chunk under the ids offset + 1, without those that the broker has already. Filter values that the messages say are given to the broker.</summary>
    /// <param name="firstOffset">The chunk's first offset.</param>
    /// <param name="data">Its data.</param>
    /// <param name="cancellationToken">Ends it; what is sent is sent.</param>
    /// <returns>Bytes of the data that were taken, and the offset behind them. Fewer than there are: the entry there can't be published, see <see cref="CanPublish"/>.</returns>
    internal async ValueTask<(int Taken, ulong NextOffset)> PublishChunkAsync(ulong firstOffset, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        int position = 0;
        ulong offset = firstOffset;
        bool filters = _connection.Features.HasCommandVersions && StreamFilterValue.MayBeIn(data.Span);
        while (position < data.Length)
        {
            if (!AddEntries(data.Span, filters, ref position, ref offset))
            {
                break;
            }

            if (position < data.Length)
            {
                await FlushAsync(cancellationToken).ConfigureAwait(false);
            }
        }

        return (position, offset);
    }

    /// <summary>Adds an entry to the frame under way.</summary>
    /// <param name="id">Its publishing id, higher than all before; from 1 on.</param>
    /// <param name="wire">The entry as in a chunk: a message with its length, or a batch with its header.</param>
    /// <returns>False where the frame is full: flush, and add it again.</returns>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.PublishRejected"/>: no frame is large enough, see <see cref="Fits"/>.</exception>
    internal bool TryAddEntry(ulong id, ReadOnlySpan<byte> wire) => _frame.TryAdd(id, wire);

    /// <summary>Adds a message with a filter value; brokers before 4.0 know none.</summary>
    /// <param name="id">As in <see cref="TryAddEntry"/>.</param>
    /// <param name="filter">The value, or null.</param>
    /// <param name="message">The message in AMQP 1.0 encoding.</param>
    /// <returns>False where the frame is full: flush, and add it again.</returns>
    internal bool TryAddFiltered(ulong id, string? filter, ReadOnlySpan<byte> message)
    {
        if (!_connection.Features.HasCommandVersions)
        {
            throw new InvalidOperationException($"RabbitMQ {_connection.Features.Version} knows no filter values.");
        }

        return _frame.TryAddFiltered(id, filter, message);
    }

    /// <summary>Sends the frame under way, when the window has room for it.</summary>
    internal async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (_frame.Count == 0)
        {
            return;
        }

        while (!TryEnterWindow())
        {
            await WaitForRoomAsync(_frame.Count, cancellationToken).ConfigureAwait(false);
        }

        await _connection.SendAsync(_frame.Finish(), cancellationToken).ConfigureAwait(false);
        _frame.Reset();
    }

    /// <summary>Sends what is left and waits until every entry is confirmed or refused.</summary>
    internal async Task CompleteAsync(CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken).ConfigureAwait(false);
        await WaitForRoomAsync(Math.Max(_options.Window, _options.FrameEntries), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Gives up the publisher; the connection stays.</summary>
    public async ValueTask DisposeAsync()
    {
        _connection.Listener = null;
        try
        {
            using CancellationTokenSource limit = new(DisposeTimeout);
            await _connection.DeletePublisherAsync(Publisher, Stream, limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is RabbitBackupException or ObjectDisposedException or OperationCanceledException)
        {
            // The connection or the stream is gone, and the publisher with it.
        }
    }

    void IStreamListener.OnConfirm(FrameReader content)
    {
        content.Byte();
        int count = content.Count(8);
        lock (_gate)
        {
            for (int i = 0; i < count; i++)
            {
                ConfirmedMessages += Settle(content.UInt64());
            }

            Confirmed += count;
            Progressed();
        }
    }

    void IStreamListener.OnPublishError(FrameReader content)
    {
        content.Byte();
        int count = content.Count(10);
        lock (_gate)
        {
            for (int i = 0; i < count; i++)
            {
                StreamRefusal refusal = new(content.UInt64(), content.Code());
                RefusedMessages += Settle(refusal.PublishingId);
                RefusedCount++;
                if (_refused.Count < MaxRefusalsKept)
                {
                    _refused.Add(refusal);
                }

                if (refusal.Code is StreamResponseCode.PublisherDoesNotExist)
                {
                    _failure ??= StreamErrors.Refused(StreamResponseCode.StreamDoesNotExist, "take messages for the stream", Stream);
                }
            }

            Progressed();
        }
    }

    void IStreamListener.OnMetadataUpdate(StreamResponseCode code, string stream)
    {
        if (stream == Stream)
        {
            Fail(new RabbitBackupException(ErrorCode.QueueNotFound, $"The stream '{stream}' was deleted or has moved while it was written.") { Target = stream, IsTransient = true });
        }
    }

    void IStreamListener.OnLost(Exception failure) => Fail(failure);

    /// <summary>
    /// Adds entries until the frame is full or the data ends. One batch has one id; but a batch that can't go as one goes message by message, each with its own, and the broker may have only some of them.
    /// </summary>
    /// <returns>False where the next entry can't be published.</returns>
    private bool AddEntries(ReadOnlySpan<byte> data, bool filters, ref int position, ref ulong offset)
    {
        ChunkEntryReader entries = new(data[position..], offset);
        while (entries.TryRead(out ChunkEntry entry))
        {
            ulong id = entry.FirstOffset + 1;
            if (id <= StoredId && Takes(entry) && (entry.FirstOffset + entry.Records <= StoredId || Fits(entry.Wire.Length)))
            {
                SkippedMessages += entry.Records;
            }
            else if (!CanPublish(entry))
            {
                return false;
            }
            else if (!(filters && !entry.IsBatch ? TryAddWithFilter(id, entry) : TryAddEntry(id, entry.Wire)))
            {
                return true;
            }

            position += entry.Wire.Length;
            offset = entries.NextOffset;
        }

        return true;
    }

    private bool TryAddWithFilter(ulong id, in ChunkEntry entry)
    {
        string? filter = StreamFilterValue.Find(entry.Payload);
        return _frame.Fits(entry.Wire.Length, filter) ? TryAddFiltered(id, filter, entry.Payload) : TryAddEntry(id, entry.Wire);
    }

    private bool TryEnterWindow()
    {
        lock (_gate)
        {
            ThrowIfFailed();
            if (_window.Room < _frame.Count)
            {
                return false;
            }

            if (_window.Count == 0)
            {
                _lastConfirm = Stopwatch.GetTimestamp();
            }

            for (int i = 0; i < _frame.Count; i++)
            {
                _window.Add(_frame.Ids[i], _frame.Messages[i]);
            }

            return true;
        }
    }

    private async Task WaitForRoomAsync(int entries, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task room;
            lock (_gate)
            {
                ThrowIfFailed();
                if (_window.Room >= entries)
                {
                    return;
                }

                _waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _roomWanted = entries;
                room = _waiter.Task;
            }

            try
            {
                await room.WaitAsync(_options.ConfirmTimeout, cancellationToken).ConfigureAwait(false);
            }
            catch (TimeoutException e) when (Stopwatch.GetElapsedTime(_lastConfirm) >= _options.ConfirmTimeout)
            {
                throw new RabbitBackupException(
                    ErrorCode.OperationTimedOut, $"The broker confirmed nothing for the stream '{Stream}' for {_options.ConfirmTimeout.TotalSeconds:0} s.", e)
                {
                    Target = Stream,
                    IsTransient = true,
                    Hint = "Check whether the broker has a memory or disk alarm, and whether a majority of the stream's replicas is up.",
                };
            }
            catch (TimeoutException)
            {
                // Confirms came in the meantime, only not enough of them: wait on.
            }
        }
    }

    private int Settle(ulong id) => _window.Settle(id) is >= 0 and int messages
        ? messages
        : throw StreamErrors.Malformed($"publishing id {id} was settled that was not on its way");

    private void Progressed()
    {
        _lastConfirm = Stopwatch.GetTimestamp();
        if (_waiter is not null && (_failure is not null || _window.Room >= _roomWanted))
        {
            _waiter.TrySetResult();
            _waiter = null;
        }
    }

    private void Fail(Exception failure)
    {
        lock (_gate)
        {
            _failure ??= failure;
            Progressed();
        }
    }

    private void ThrowIfFailed()
    {
        if (_failure is not null)
        {
            throw _failure;
        }
    }
}
