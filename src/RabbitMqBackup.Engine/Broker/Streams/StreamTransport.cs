using System.Collections.Concurrent;
using RabbitMqBackup.Engine.Messages.Chunks;

namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>
/// The running part of a connection: one loop that receives into one fixed buffer, writes under a lock, requests matched to answers, heartbeats both ways.
/// The first failure ends it; everybody who waits gets that failure.
/// </summary>
internal sealed class StreamTransport : IFrameHandler, IAsyncDisposable
{
    /// <summary>Bytes taken from the socket at once. More brought nothing; 64 KiB was slower.</summary>
    private const int ReceiveBufferBytes = 512 * 1024;

    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(5);

    private readonly Stream _stream;
    private readonly TimeSpan _requestTimeout;
    private readonly TimeProvider _clock;
    private readonly FrameAssembler _assembler;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly FrameWriter _writer = new();
    private readonly ConcurrentDictionary<uint, TaskCompletionSource<byte[]>> _pending = new();
    private readonly TaskCompletionSource<(uint FrameMax, uint Heartbeat)> _tune = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _ended = new();
    private readonly object _gate = new();
    private readonly Task _receiving;
    private Task _beating = Task.CompletedTask;
    private Exception? _failure;
    private uint _lastCorrelationId;
    private uint? _closeAsked;
    private long _readingSince;
    private IStreamListener? _listener;

    /// <param name="stream">Connected, and secured where it must be; owned from now on.</param>
    /// <param name="target">The endpoint, for errors.</param>
    /// <param name="requestTimeout">For one answer, and for one write that the broker does not take.</param>
    /// <param name="clock">Time.</param>
    internal StreamTransport(Stream stream, string target, TimeSpan requestTimeout, TimeProvider clock)
    {
        (_stream, Target, _requestTimeout, _clock) = (stream, target, requestTimeout, clock);
        _assembler = new FrameAssembler(this);
        _readingSince = clock.GetTimestamp();
        _receiving = Task.Run(ReceiveAsync);
    }

    /// <summary>The endpoint, for errors.</summary>
    internal string Target { get; }

    /// <summary>Takes what comes unasked; without one it is dropped.</summary>
    internal IStreamListener? Listener
    {
        get => Volatile.Read(ref _listener);
        set
        {
            Exception? failure;
            lock (_gate)
            {
                Volatile.Write(ref _listener, value);
                failure = _failure;
            }

            // A connection that ended before must not leave its new listener waiting.
            if (failure is not null)
            {
                value?.OnLost(failure);
            }
        }
    }

    /// <summary>Why the connection has ended, or null.</summary>
    internal Exception? Failure
    {
        get
        {
            lock (_gate)
            {
                return _failure;
            }
        }
    }

    /// <summary>The broker's proposal of frame size and heartbeat; it comes after authentication.</summary>
    internal Task<(uint FrameMax, uint Heartbeat)> TuneProposal => _tune.Task;

    /// <summary>Begins to send heartbeats, and to miss the broker's.</summary>
    internal void StartHeartbeats(TimeSpan interval) => _beating = Task.Run(() => BeatAsync(interval));

    /// <summary>Sends a request and waits for its answer.</summary>
    /// <param name="encode">Writes the frame under the correlation id given.</param>
    /// <param name="cancellationToken">Ends the wait; the connection stays usable.</param>
    /// <returns>The answer after its correlation id.</returns>
    internal async Task<byte[]> RequestAsync(Action<FrameWriter, uint> encode, CancellationToken cancellationToken)
    {
        uint id = Interlocked.Increment(ref _lastCorrelationId);
        TaskCompletionSource<byte[]> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _pending[id] = answer;
        try
        {
            await SendAsync(w => encode(w, id), cancellationToken).ConfigureAwait(false);
            ThrowIfEnded();
            return await answer.Task.WaitAsync(_requestTimeout, _clock, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException e)
        {
            throw StreamErrors.TimedOut(Target, "did not answer", _requestTimeout, e);
        }
        finally
        {
            _pending.TryRemove(id, out _);
        }
    }

    /// <summary>Sends frames that have no answer.</summary>
    internal async ValueTask SendAsync(Action<FrameWriter> encode, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            _writer.Reset();
            encode(_writer);
            await WriteAsync(_writer.Written, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Sends frames that are already encoded; the memory is the caller's again afterwards.</summary>
    internal async ValueTask SendAsync(ReadOnlyMemory<byte> frames, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await WriteAsync(frames, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Ends the connection with this failure, if it has not ended yet.</summary>
    internal void Fail(Exception failure)
    {
        IStreamListener? listener;
        lock (_gate)
        {
            if (_failure is not null)
            {
                return;
            }

            _failure = failure;
            listener = _listener;
        }

        _ended.Cancel();
        _stream.Dispose();
        _tune.TrySetException(failure);
        _ = _tune.Task.Exception; // observed: most connections end long after it was asked for
        foreach (TaskCompletionSource<byte[]> answer in _pending.Values)
        {
            answer.TrySetException(failure);
        }

        listener?.OnLost(failure);
    }

    /// <summary>Says good-bye where the connection still works, in bounded time, and frees everything.</summary>
    public async ValueTask DisposeAsync()
    {
        Listener = null;
        if (Failure is null)
        {
            using CancellationTokenSource limit = new(CloseTimeout, _clock);
            try
            {
                await RequestAsync(StreamRequests.Close, limit.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is RabbitBackupException or OperationCanceledException)
            {
                // The peer is gone or does not answer: there is nobody to be polite to.
            }
        }

        Fail(new ObjectDisposedException(nameof(StreamTransport), $"The stream connection to {Target} was closed."));
        await _receiving.ConfigureAwait(false);
        await _beating.ConfigureAwait(false);
        _ended.Dispose();
    }

    void IFrameHandler.OnChunk(byte subscription, in ChunkHeader header) => Listener?.OnChunk(subscription, header);

    void IFrameHandler.OnChunkData(ReadOnlySpan<byte> data) => Listener?.OnChunkData(data);

    void IFrameHandler.OnChunkEnd(bool intact) => Listener?.OnChunkEnd(intact);

    void IFrameHandler.OnFrame(FrameHeader header, ReadOnlySpan<byte> content)
    {
        FrameReader reader = new(content);
        switch (header.Command)
        {
            case StreamCommand.Heartbeat:
                break;
            case StreamCommand.PublishConfirm:
                Listener?.OnConfirm(reader);
                break;
            case StreamCommand.PublishError:
                Listener?.OnPublishError(reader);
                break;
            case StreamCommand.MetadataUpdate:
                Listener?.OnMetadataUpdate(reader.Code(), reader.String() ?? "");
                break;
            case StreamCommand.Credit:
                // code:u16 subscription:u8, without a correlation id: credit for a subscription that has just ended. It harms nothing.
                break;
            case StreamCommand.Tune:
                _tune.TrySetResult((reader.UInt32(), reader.UInt32()));
                break;
            case StreamCommand.Close when !header.IsResponse:
                _closeAsked = reader.UInt32();
                throw StreamErrors.Closed(Target, reader.Code(), reader.String());
            default:
                if (!header.IsResponse)
                {
                    throw StreamErrors.Malformed($"key 0x{header.Key:X4} is no command that a broker sends to this client");
                }

                // An answer that nobody waits for any more is one whose wait was cancelled or timed out.
                if (_pending.TryGetValue(reader.UInt32(), out TaskCompletionSource<byte[]>? answer))
                {
                    answer.TrySetResult(content[4..].ToArray());
                }

                break;
        }
    }

    private async Task ReceiveAsync()
    {
        byte[] buffer = GC.AllocateUninitializedArray<byte>(ReceiveBufferBytes);
        try
        {
            while (true)
            {
                Volatile.Write(ref _readingSince, _clock.GetTimestamp());
                int received = await _stream.ReadAsync(buffer, _ended.Token).ConfigureAwait(false);
                Volatile.Write(ref _readingSince, long.MaxValue);
                if (received == 0)
                {
                    throw StreamErrors.Lost(Target, _assembler.IsBetweenFrames ? "the broker hung up" : "the broker hung up in the middle of a frame");
                }

                _assembler.Feed(buffer.AsSpan(0, received));
                if (Listener is { } listener)
                {
                    await listener.OnReceivedAsync(_ended.Token).ConfigureAwait(false);
                }
            }
        }
        catch (Exception e)
        {
            if (_closeAsked is { } id)
            {
                await AnswerCloseAsync(id).ConfigureAwait(false);
            }

            Fail(StreamErrors.Translate(Target, e));
        }
    }

    private async Task AnswerCloseAsync(uint id)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(_ended.Token);
        limit.CancelAfter(TimeSpan.FromSeconds(1));
        try
        {
            await SendAsync(w => StreamRequests.CloseResponse(w, id), limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is RabbitBackupException or OperationCanceledException)
        {
            // The broker has said why it ends the connection; that is the error to report.
        }
    }

    private async Task BeatAsync(TimeSpan interval)
    {
        try
        {
            while (true)
            {
                await Task.Delay(interval / 2, _clock, _ended.Token).ConfigureAwait(false);
                long since = Volatile.Read(ref _readingSince);
                if (since != long.MaxValue && _clock.GetElapsedTime(since) > (2 * interval) + TimeSpan.FromSeconds(1))
                {
                    Fail(StreamErrors.Lost(Target, $"nothing came from the broker for two heartbeats of {interval.TotalSeconds:0} s"));
                    return;
                }

                // A write under way is a sign of life itself; to queue behind one that is stuck would hide a silent broker.
                if (_writing.CurrentCount > 0)
                {
                    await SendAsync(StreamRequests.Heartbeat, _ended.Token).ConfigureAwait(false);
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or RabbitBackupException)
        {
            // The connection has ended; whoever ended it has reported why.
        }
    }

    /// <summary>A write is either whole or the end of the connection: half a frame can't be taken back.</summary>
    private async ValueTask WriteAsync(ReadOnlyMemory<byte> frames, CancellationToken cancellationToken)
    {
        ThrowIfEnded();
        try
        {
            ValueTask write = _stream.WriteAsync(frames, CancellationToken.None);
            if (write.IsCompletedSuccessfully)
            {
                return;
            }

            await write.AsTask().WaitAsync(_requestTimeout, _clock, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            Exception failure = e is TimeoutException ? StreamErrors.TimedOut(Target, "took no data", _requestTimeout, e) : StreamErrors.Translate(Target, e);
            Fail(failure is OperationCanceledException ? StreamErrors.Lost(Target, "a write was cancelled") : failure);
            throw e is OperationCanceledException ? e : Failure ?? failure;
        }
    }

    private void ThrowIfEnded()
    {
        if (Failure is { } failure)
        {
            throw failure is RabbitBackupException known ? StreamErrors.Again(known) : failure;
        }
    }
}
