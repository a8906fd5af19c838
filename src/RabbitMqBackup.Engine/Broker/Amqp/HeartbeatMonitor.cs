namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>Sends a heartbeat when nothing else goes out, and breaks the connection when nothing comes in for two intervals in which something was awaited.</summary>
internal sealed class HeartbeatMonitor : IDisposable
{
    private readonly DataConnection _connection;
    private readonly TimeSpan _interval;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private long _waitingSince;

    /// <summary>Starts the timer.</summary>
    internal HeartbeatMonitor(DataConnection connection, TimeSpan interval, TimeProvider time)
    {
        (_connection, _interval, _time) = (connection, interval, time);
        _timer = time.CreateTimer(_ => Tick(), null, interval / 3, interval / 3);
    }

    /// <summary>From now on the peer is expected to say something. While the reader is held up by its user nobody listens, so silence means nothing.</summary>
    internal void WaitForPeer() => Volatile.Write(ref _waitingSince, _time.GetTimestamp());

    /// <summary>It did.</summary>
    internal void PeerSpoke() => Volatile.Write(ref _waitingSince, 0);

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void Tick()
    {
        long since = Volatile.Read(ref _waitingSince);
        if (since != 0 && _time.GetElapsedTime(since) > 2 * _interval)
        {
            _connection.Fail(new RabbitBackupException(ErrorCode.BrokerConnectionLost, $"{_connection.Target} has sent nothing for {(2 * _interval).TotalSeconds:0} s, not even a heartbeat.")
            {
                Target = _connection.Target,
                IsTransient = true,
                Hint = "The broker or the network hangs. Whatever was held goes back to its queue.",
            });
        }
        else if (_connection.Sender.IdleTime >= _interval / 3)
        {
            lock (_connection.Sender.Gate)
            {
                ConnectionMethods.WriteHeartbeat(_connection.Sender.Output);
                _connection.Sender.Flush();
            }
        }
    }
}
