using System.Buffers;
using System.Net.Sockets;

namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>
/// The way out: frames are encoded under <see cref="Gate"/> into one buffer while a thread of its own writes the other to the stream, so that encoding never waits and
/// what gathers meanwhile goes out together. Whoever sends much asks for room first.
/// </summary>
internal sealed class FrameSender
{
    /// <summary>Bytes that may lie here before <see cref="WaitForRoomAsync"/> waits: enough for the thread never to run dry, little enough for memory.</summary>
    private const int Room = 1 << 20;

    private readonly Stream _stream;
    private readonly TimeProvider _time;
    private readonly Action<Exception> _failed;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ArrayBufferWriter<byte> _filling = new(4096);
    private ArrayBufferWriter<byte> _sending = new(4096);
    private TaskCompletionSource? _roomWaiter;
    private long _lastSent;
    private bool _isSending;
    private bool _stopping;

    /// <summary>Starts the thread.</summary>
    /// <param name="stream">Where it goes.</param>
    /// <param name="time">For <see cref="IdleTime"/>.</param>
    /// <param name="failed">Told once when the stream takes nothing more.</param>
    internal FrameSender(Stream stream, TimeProvider time, Action<Exception> failed)
    {
        (_stream, _time, _failed) = (stream, time, failed);
        _lastSent = time.GetTimestamp();
        new Thread(Run) { IsBackground = true, Name = "AMQP sender" }.Start();
    }

    /// <summary>Held while frames are written to <see cref="Output"/> and flushed; frames that are written under it stay together.</summary>
    internal object Gate { get; } = new();

    /// <summary>Takes encoded frames.</summary>
    internal IBufferWriter<byte> Output => _filling;

    /// <summary>Time since bytes last went out; zero while some are on their way.</summary>
    internal TimeSpan IdleTime
    {
        get
        {
            lock (Gate)
            {
                return _isSending ? TimeSpan.Zero : _time.GetElapsedTime(_lastSent);
            }
        }
    }

    /// <summary>Sends what was written. Called under <see cref="Gate"/>; never waits.</summary>
    internal void Flush()
    {
        if (!_isSending)
        {
            Monitor.Pulse(Gate);
        }
    }

    /// <summary>Waits while much is queued. One waiter at a time.</summary>
    internal ValueTask WaitForRoomAsync(CancellationToken cancellationToken)
    {
        lock (Gate)
        {
            if (_filling.WrittenCount < Room || _stopping)
            {
                return ValueTask.CompletedTask;
            }

            _roomWaiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return new ValueTask(_roomWaiter.Task.WaitAsync(cancellationToken));
        }
    }

    /// <summary>Ends the thread; what is queued may be lost. A write that hangs ends when the stream's owner breaks it.</summary>
    internal Task StopAsync()
    {
        lock (Gate)
        {
            _stopping = true;
            Monitor.Pulse(Gate);
        }

        return _ended.Task;
    }

    private void Run()
    {
        try
        {
            while (Next())
            {
                _stream.Write(_sending.WrittenSpan);
                _sending.ResetWrittenCount();
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
                _stopping = true;
                _roomWaiter?.TrySetResult();
            }

            _ended.TrySetResult();
        }
    }

    /// <summary>Waits for bytes and takes them. False when it is time to stop.</summary>
    private bool Next()
    {
        lock (Gate)
        {
            _lastSent = _time.GetTimestamp();
            _isSending = false;
            while (_filling.WrittenCount == 0 && !_stopping)
            {
                Monitor.Wait(Gate);
            }

            (_filling, _sending) = (_sending, _filling);
            _isSending = true;
            _roomWaiter?.TrySetResult();
            _roomWaiter = null;
            return !_stopping;
        }
    }
}
