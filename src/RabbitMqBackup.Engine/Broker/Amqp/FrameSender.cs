using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;

namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>
/// The way out: frames are encoded under <see cref="Gate"/> straight into a pipe, and one pump writes what has gathered to the stream. Encoding never waits; whoever
/// sends much asks for room first.
/// </summary>
internal sealed class FrameSender
{
    /// <summary>Bytes that may lie here before <see cref="WaitForRoomAsync"/> waits: enough for the pump never to run dry, little enough for memory.</summary>
    private const long Room = 1 << 20;

    private readonly Stream _stream;
    private readonly TimeProvider _time;
    private readonly Action<Exception> _failed;
    private readonly Pipe _pipe = new(new PipeOptions(pauseWriterThreshold: 0, minimumSegmentSize: 64 << 10, useSynchronizationContext: false));
    private readonly Task _pump;
    private TaskCompletionSource? _roomWaiter;
    private long _queued;
    private long _lastSent;
    private bool _stopping;
    private bool _stopped;

    /// <summary>Starts the pump.</summary>
    /// <param name="stream">Where it goes.</param>
    /// <param name="time">For <see cref="IdleTime"/>.</param>
    /// <param name="failed">Told once when the stream takes nothing more.</param>
    internal FrameSender(Stream stream, TimeProvider time, Action<Exception> failed)
    {
        (_stream, _time, _failed) = (stream, time, failed);
        _lastSent = time.GetTimestamp();
        _pump = Task.Run(PumpAsync);
    }

    /// <summary>Held while frames are written to <see cref="Output"/> and flushed; frames of one content that are written under it stay together.</summary>
    internal object Gate { get; } = new();

    /// <summary>Takes encoded frames.</summary>
    internal IBufferWriter<byte> Output => _pipe.Writer;

    /// <summary>Time since bytes last went out; zero while some are on their way.</summary>
    internal TimeSpan IdleTime => Volatile.Read(ref _queued) > 0 ? TimeSpan.Zero : _time.GetElapsedTime(Volatile.Read(ref _lastSent));

    /// <summary>Sends what was written. Called under <see cref="Gate"/>; never waits.</summary>
    internal void Flush()
    {
        Interlocked.Add(ref _queued, _pipe.Writer.UnflushedBytes);

        // The pipe has no pause threshold, so this is complete when it returns.
        ValueTask<FlushResult> flushed = _pipe.Writer.FlushAsync();
        _ = flushed.IsCompleted;
    }

    /// <summary>Waits while much is queued. One waiter at a time.</summary>
    internal ValueTask WaitForRoomAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _queued) < Room)
        {
            return ValueTask.CompletedTask;
        }

        lock (Gate)
        {
            if (_queued < Room || _stopped)
            {
                return ValueTask.CompletedTask;
            }

            _roomWaiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return new ValueTask(_roomWaiter.Task.WaitAsync(cancellationToken));
        }
    }

    /// <summary>Ends the pump; what is queued may be lost. The stream is closed by its owner.</summary>
    internal async Task StopAsync()
    {
        Volatile.Write(ref _stopping, true);
        _pipe.Reader.CancelPendingRead();
        await _pump.ConfigureAwait(false);
    }

    private async Task PumpAsync()
    {
        PipeReader reader = _pipe.Reader;
        try
        {
            while (true)
            {
                ReadResult result = await reader.ReadAsync().ConfigureAwait(false);
                foreach (ReadOnlyMemory<byte> part in result.Buffer)
                {
                    await _stream.WriteAsync(part).ConfigureAwait(false);
                }

                long sent = result.Buffer.Length;
                reader.AdvanceTo(result.Buffer.End);
                Volatile.Write(ref _lastSent, _time.GetTimestamp());
                if (Interlocked.Add(ref _queued, -sent) < Room)
                {
                    LetGo();
                }

                if (Volatile.Read(ref _stopping))
                {
                    break;
                }
            }
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException)
        {
            _failed(exception);
        }
        finally
        {
            lock (Gate)
            {
                _stopped = true;
            }

            LetGo();
            await reader.CompleteAsync().ConfigureAwait(false);
        }
    }

    private void LetGo()
    {
        if (Volatile.Read(ref _roomWaiter) is not null)
        {
            lock (Gate)
            {
                _roomWaiter?.TrySetResult();
                _roomWaiter = null;
            }
        }
    }
}
