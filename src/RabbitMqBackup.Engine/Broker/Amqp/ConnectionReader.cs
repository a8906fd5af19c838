using System.Buffers;
using System.Net.Sockets;
using System.Text;

namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>
/// The read loop of a connection: cuts frames and hands them to their channels on the spot. Whoever can't keep up holds it, and so the broker, by TCP.
/// </summary>
internal sealed class ConnectionReader(DataConnection connection, ReceiveBuffer input, ChannelTable channels, HeartbeatMonitor? heartbeat)
{
    private long _pauses;
    private bool _isPaused;

    /// <summary>How often a user held the loop up.</summary>
    internal long Pauses => Volatile.Read(ref _pauses);

    /// <summary>A user holds the loop up at this moment.</summary>
    internal bool IsPaused => Volatile.Read(ref _isPaused);

    /// <summary>Reads until the connection ends; returns why it did.</summary>
    internal RabbitBackupException Run()
    {
        try
        {
            while (ReadBatch())
            {
                for (int i = 1; i < channels.Length; i++)
                {
                    if (channels[i]?.PauseAsync() is { IsCompletedSuccessfully: false } pause)
                    {
                        WaitForUser(pause);
                    }
                }
            }

            return connection.Lost("closed the connection without a word", null);
        }
        catch (AmqpProtocolException exception)
        {
            return new RabbitBackupException(ErrorCode.BrokerConnectionLost, $"{connection.Target} sent something that is not AMQP 0-9-1: {exception.Message}.", exception) { Target = connection.Target };
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException)
        {
            return connection.Lost("broke off the connection", exception);
        }
        catch (Exception exception)
        {
            return new RabbitBackupException(ErrorCode.BrokerConnectionLost, $"The connection to {connection.Target} was given up: {exception.Message}", exception) { Target = connection.Target };
        }
    }

    /// <summary>Reads once and works off every whole frame. False at the end.</summary>
    private bool ReadBatch()
    {
        heartbeat?.WaitForPeer();
        if (input.Fill() == 0)
        {
            return false;
        }

        heartbeat?.PeerSpoke();
        ReadOnlySequence<byte> buffer = input.Unread;
        while (FrameParser.TryRead(ref buffer, connection.FrameMax, out Frame frame))
        {
            if (frame.Channel != 0)
            {
                // Without a channel: something that was on its way when it was closed.
                channels[frame.Channel]?.Receive(frame);
            }
            else if (frame.Type == FrameType.Method)
            {
                OnMethod(frame.Payload.ToArray());
            }
            else if (frame.Type != FrameType.Heartbeat)
            {
                throw new AmqpProtocolException($"a frame of type {frame.Type} on channel 0");
            }
        }

        input.Keep(buffer.Length);
        return connection.Fault is null;
    }

    /// <summary>Blocks: the loop's thread has nothing else to do, and the socket is to fill up behind it.</summary>
    private void WaitForUser(ValueTask pause)
    {
        Volatile.Write(ref _isPaused, true);
        Interlocked.Increment(ref _pauses);
        try
        {
            pause.AsTask().GetAwaiter().GetResult();
        }
        finally
        {
            Volatile.Write(ref _isPaused, false);
        }
    }

    private void OnMethod(byte[] payload)
    {
        AmqpReader reader = new(payload);
        MethodId method = (MethodId)reader.ReadUInt32();
        switch (method)
        {
            case MethodId.ConnectionClose:
                connection.OnClose(CloseArguments.Read(reader.Rest));
                break;
            case MethodId.ConnectionCloseOk:
                connection.OnCloseOk();
                break;
            case MethodId.ConnectionBlocked:
                TellBlocked(Encoding.UTF8.GetString(reader.ReadShortString()));
                break;
            case MethodId.ConnectionUnblocked:
                TellBlocked(null);
                break;
            default:
                throw new AmqpProtocolException($"{method} on channel 0");
        }
    }

    private void TellBlocked(string? reason)
    {
        foreach (DataChannel channel in channels.All)
        {
            channel.Blocked(reason);
        }
    }
}
