using System.Buffers;
using System.Text;

namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>A channel of a <see cref="DataConnection"/>. Requests may be sent without awaiting the one before: the broker answers in order.</summary>
internal sealed class DataChannel : IDisposable
{
    private readonly DataConnection _connection;
    private readonly ChannelEvents _events;
    private readonly ContentAssembler _content = new();
    private readonly ReplyQueue _replies;
    private byte[] _scratch = [];
    private bool _closing;

    /// <summary>Only <see cref="DataConnection.OpenChannelAsync"/> makes one.</summary>
    internal DataChannel(DataConnection connection, ushort number, string target, ChannelEvents events) =>
        (_connection, Number, Target, _events, _replies) = (connection, number, target, events, new ReplyQueue(target));

    /// <summary>Its number on the connection, from 1.</summary>
    internal ushort Number { get; }

    /// <summary>What it works on, for errors.</summary>
    internal string Target { get; }

    /// <summary>The largest body that came. Read loop only.</summary>
    internal long LargestBody => _content.LargestBody;

    /// <summary>Why it is closed, or null while it is open.</summary>
    internal RabbitBackupException? Closed => _replies.Closed;

    /// <summary>Waits for the answer to opening.</summary>
    internal Task OpenAsync(CancellationToken cancellationToken) =>
        CallAsync(MethodId.ChannelOpenOk, output => ChannelMethods.WriteOpen(output, Number), cancellationToken);

    /// <summary>Asks how many messages are ready. Exact at once for classic and quorum queues.</summary>
    /// <exception cref="RabbitBackupException">The queue is missing, exclusive to others, or may not be seen; the channel is closed then.</exception>
    internal Task<DeclareOk> DeclarePassiveAsync(string queue, CancellationToken cancellationToken) =>
        CallAsync(MethodId.QueueDeclareOk, output => ChannelMethods.WriteDeclarePassive(output, Number, queue), cancellationToken);

    /// <summary>Adds a consumer that may hold so many messages, and waits until the broker has it.</summary>
    internal Task ConsumeAsync(string queue, string consumerTag, ushort prefetch, ConsumeArguments arguments, CancellationToken cancellationToken)
    {
        lock (_connection.Sender.Gate)
        {
            // Nothing between the two: another prefetch would become this consumer's.
            Task qos = CallAsync(MethodId.BasicQosOk, output => BasicMethods.WriteQos(output, Number, prefetch), cancellationToken);
            Task consume = CallAsync(MethodId.BasicConsumeOk, output => BasicMethods.WriteConsume(output, Number, queue, consumerTag, arguments), cancellationToken);
            return Task.WhenAll(qos, consume);
        }
    }

    /// <summary>Waits for an answer that lies behind all that the broker had sent to this channel before. Asked for is a prefetch, which concerns consumers to come only, and each brings its own.</summary>
    internal Task RoundTripAsync(CancellationToken cancellationToken) => CallAsync(MethodId.BasicQosOk, output => BasicMethods.WriteQos(output, Number, 1), cancellationToken);

    /// <summary>Ends a consumer; messages can still come before the answer.</summary>
    internal Task CancelAsync(string consumerTag, CancellationToken cancellationToken) =>
        CallAsync(MethodId.BasicCancelOk, output => BasicMethods.WriteCancel(output, Number, consumerTag), cancellationToken);

    /// <summary>Switches confirms on.</summary>
    internal Task ConfirmSelectAsync(CancellationToken cancellationToken) =>
        CallAsync(MethodId.ConfirmSelectOk, output => ChannelMethods.WriteConfirmSelect(output, Number), cancellationToken);

    /// <summary>Asks for so many messages, one get each; the answers come as events, in order, since the broker works a channel's methods off one by one.</summary>
    internal void Get(string queue, int count) => Send(output =>
    {
        for (int i = 0; i < count; i++)
        {
            BasicMethods.WriteGet(output, Number, queue);
        }
    });

    /// <summary>Gives back everything up to the tag. The broker does not answer.</summary>
    internal void RequeueUpTo(ulong deliveryTag) => Send(output => BasicMethods.WriteRequeueUpTo(output, Number, deliveryTag));

    /// <summary>Lets the broker send more of a stream: an acknowledgement, which takes nothing out of a stream. Never for a queue.</summary>
    internal void GrantStreamCredit(ulong upToDeliveryTag) => Send(output => BasicMethods.WriteAckUpTo(output, Number, upToDeliveryTag));

    /// <summary>Takes one message out of its queue for good. The broker does not answer.</summary>
    internal void Acknowledge(ulong deliveryTag) => Send(output => BasicMethods.WriteAck(output, Number, deliveryTag));

    /// <summary>Waits while much is queued on the connection; after it a message can be published.</summary>
    internal ValueTask ReadyToPublishAsync(CancellationToken cancellationToken) => _connection.Sender.WaitForRoomAsync(cancellationToken);

    /// <summary>Largest property list that fits a frame of this connection.</summary>
    internal int MaxProperties => ContentWriter.MaxProperties(_connection.FrameMax);

    /// <summary>Publishes one message. One caller at a time, and no other request on this channel meanwhile.</summary>
    internal async ValueTask PublishAsync(
        ReadOnlyMemory<byte> exchange, ReadOnlyMemory<byte> routingKey, bool mandatory, ReadOnlySequence<byte> properties, ReadOnlySequence<byte> body)
    {
        FrameSender sender = _connection.Sender;
        lock (sender.Gate)
        {
            ThrowIfClosed();
            ContentWriter.WriteStart(sender.Output, Number, exchange.Span, routingKey.Span, mandatory, properties, body.Length);
            if (!body.IsEmpty)
            {
                ContentWriter.WriteBodyFrame(sender.Output, Number, _connection.FrameMax, ref body);
            }

            sender.Flush();
        }

        // A content that has begun is sent whole: half of one would break the connection, so no token ends this.
        while (!body.IsEmpty)
        {
            await sender.WaitForRoomAsync(CancellationToken.None).ConfigureAwait(false);
            lock (sender.Gate)
            {
                ThrowIfClosed();
                ContentWriter.WriteBodyFrame(sender.Output, Number, _connection.FrameMax, ref body);
                sender.Flush();
            }
        }
    }

    /// <summary>Closes the channel: the broker requeues what it holds. Does nothing when it is closed already.</summary>
    internal async Task CloseAsync(CancellationToken cancellationToken)
    {
        if (Closed is not null || Volatile.Read(ref _closing))
        {
            return;
        }

        try
        {
            await CallAsync(MethodId.ChannelCloseOk, WriteClose, cancellationToken).ConfigureAwait(false);
        }
        catch (RabbitBackupException) when (Closed is not null && _connection.Fault is null)
        {
            // The broker closed it at the same moment.
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _content.Dispose();

    /// <summary>Takes a frame of this channel. Read loop only.</summary>
    internal void Receive(in Frame frame)
    {
        switch (frame.Type)
        {
            case FrameType.Method:
                AmqpReader reader = new(frame.Payload.IsSingleSegment ? frame.Payload.FirstSpan : Join(frame.Payload));
                OnMethod((MethodId)reader.ReadUInt32(), reader.Rest);
                break;
            case FrameType.Header:
                if (_content.Header(frame.Payload))
                {
                    OnContent();
                }

                break;
            case FrameType.Body:
                if (_content.AddBody(frame.Payload))
                {
                    OnContent();
                }

                break;
            default:
                throw new AmqpProtocolException($"a frame of type {frame.Type} on channel {Number}");
        }
    }

    /// <summary>Lets the user hold the read loop up.</summary>
    internal ValueTask PauseAsync() => _events.OnPauseAsync();

    /// <summary>Tells the user that publishing is blocked (reason) or not (null).</summary>
    internal void Blocked(string? reason) => _events.OnBlocked(reason);

    /// <summary>Ends all requests with this reason. May be called from any thread; the user is told by <see cref="Closing"/>.</summary>
    internal void Fail(RabbitBackupException reason) => _replies.Close(reason);

    /// <summary>Ends all requests and tells the user. Read loop only.</summary>
    internal void Closing(RabbitBackupException reason)
    {
        Fail(reason);
        if (!Volatile.Read(ref _closing))
        {
            _events.OnClosed(reason);
        }
    }

    private void WriteClose(IBufferWriter<byte> output)
    {
        CloseArguments.Write(output, Number, MethodId.ChannelClose);
        // Under the gate: whatever follows on this channel, a broker takes for an error of the connection.
        Volatile.Write(ref _closing, true);
    }

    private void OnMethod(MethodId method, ReadOnlySpan<byte> arguments)
    {
        switch (method)
        {
            case MethodId.BasicDeliver or MethodId.BasicGetOk or MethodId.BasicReturn:
                _content.Begin(method, arguments);
                return;
            case var _ when _content.IsBusy:
                throw new AmqpProtocolException($"{method} in the middle of a content");
            case MethodId.BasicAck or MethodId.BasicNack:
                BasicConfirm confirm = BasicConfirm.Read(arguments);
                _events.OnConfirm(confirm.DeliveryTag, confirm.Multiple, method == MethodId.BasicNack);
                break;
            case MethodId.BasicGetEmpty:
                _events.OnGetEmpty();
                break;
            case MethodId.BasicCancel:
                _events.OnConsumerCancelled();
                break;
            case MethodId.ChannelFlow:
                OnFlow((new AmqpReader(arguments).ReadUInt8() & 1) != 0);
                break;
            case MethodId.ChannelClose:
                OnClose(CloseArguments.Read(arguments));
                break;
            case MethodId.QueueDeclareOk:
                _replies.Complete(method, DeclareOk.Read(arguments));
                break;
            case MethodId.ChannelCloseOk:
                _connection.Release(this);
                _replies.Complete(method, default);
                _replies.Close(ClosedHere);
                break;
            default:
                _replies.Complete(method, default);
                break;
        }
    }

    private void OnContent()
    {
        try
        {
            // What still comes after our close goes back by itself.
            if (Volatile.Read(ref _closing))
            {
                return;
            }

            if (_content.Method == MethodId.BasicReturn)
            {
                BasicReturn returned = BasicReturn.Read(_content.Arguments);
                _events.OnReturned(new ReturnedMessage
                {
                    ReplyCode = returned.ReplyCode,
                    ReplyText = returned.ReplyText,
                    Exchange = returned.Exchange,
                    RoutingKey = returned.RoutingKey,
                    Properties = _content.Properties,
                    Body = _content.Body,
                });
                return;
            }

            BasicDeliver deliver = _content.Method == MethodId.BasicDeliver ? BasicDeliver.Read(_content.Arguments) : BasicDeliver.ReadGetOk(_content.Arguments);
            _events.OnDelivery(new Delivery
            {
                DeliveryTag = deliver.DeliveryTag,
                Redelivered = deliver.Redelivered,
                ConsumerTag = deliver.ConsumerTag,
                Exchange = deliver.Exchange,
                RoutingKey = deliver.RoutingKey,
                Properties = _content.Properties,
                Body = _content.Body,
            });
        }
        finally
        {
            _content.Reset();
        }
    }

    // A method of its own: a lambda in OnMethod would cost an allocation for each of its calls.
    private void OnFlow(bool active)
    {
        if (!Volatile.Read(ref _closing))
        {
            Send(output => ChannelMethods.WriteFlowOk(output, Number, active));
        }

        _events.OnBlocked(active ? null : "the broker asked this channel to pause");
    }

    private void OnClose(CloseArguments close)
    {
        RabbitBackupException reason = CloseReason.AtWork(close, Target);
        lock (_connection.Sender.Gate)
        {
            // Under the gate, so that nothing of this channel can follow its close-ok, and nothing of the next one with its number precede it: the broker would take either for an
            // error of the connection. The number is free before anybody hears of it.
            _connection.Release(this);
            _replies.Close(reason);
            ConnectionMethods.WriteEmpty(_connection.Sender.Output, Number, MethodId.ChannelCloseOk);
            _connection.Sender.Flush();
        }

        Closing(reason);
    }

    private async Task<DeclareOk> CallAsync(MethodId expected, Action<IBufferWriter<byte>> write, CancellationToken cancellationToken)
    {
        Task<DeclareOk> reply;
        lock (_connection.Sender.Gate)
        {
            ThrowIfClosed();
            write(_connection.Sender.Output);
            reply = _replies.Add(expected);
            _connection.Sender.Flush();
        }

        return await _connection.WaitForReplyAsync(reply, expected, Target, cancellationToken).ConfigureAwait(false);
    }

    private void Send(Action<IBufferWriter<byte>> write)
    {
        lock (_connection.Sender.Gate)
        {
            ThrowIfClosed();
            write(_connection.Sender.Output);
            _connection.Sender.Flush();
        }
    }

    private void ThrowIfClosed()
    {
        if ((Closed ?? (Volatile.Read(ref _closing) ? ClosedHere : null)) is { } reason)
        {
            throw reason;
        }
    }

    private RabbitBackupException ClosedHere => new(ErrorCode.BrokerConnectionLost, $"The channel for '{Target}' is closed.") { Target = Target };

    private ReadOnlySpan<byte> Join(in ReadOnlySequence<byte> payload)
    {
        int length = (int)payload.Length;
        if (_scratch.Length < length)
        {
            _scratch = new byte[length];
        }

        payload.CopyTo(_scratch);
        return _scratch.AsSpan(0, length);
    }
}
