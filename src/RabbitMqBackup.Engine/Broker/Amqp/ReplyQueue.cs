namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>The answers that a channel waits for. The broker gives them in the order of the requests.</summary>
internal sealed class ReplyQueue(string target)
{
    private readonly Queue<Reply> _pending = new();
    private RabbitBackupException? _closed;

    /// <summary>Why no answer comes any more, or null.</summary>
    internal RabbitBackupException? Closed => Volatile.Read(ref _closed);

    /// <summary>Adds the answer to a request that is about to be sent.</summary>
    internal Task<DeclareOk> Add(MethodId expected)
    {
        Reply reply = new(expected);
        lock (_pending)
        {
            if (_closed is { } reason)
            {
                throw reason;
            }

            _pending.Enqueue(reply);
        }

        return reply.Task;
    }

    /// <summary>Completes the oldest with what came.</summary>
    /// <exception cref="AmqpProtocolException">Nothing was asked, or something else.</exception>
    internal void Complete(MethodId method, DeclareOk value)
    {
        Reply? reply;
        lock (_pending)
        {
            if (!_pending.TryDequeue(out reply))
            {
                throw new AmqpProtocolException($"{method} about '{target}', where nothing was asked");
            }
        }

        if (reply.Expected != method)
        {
            throw new AmqpProtocolException($"{method} about '{target}', where {reply.Expected} was due");
        }

        reply.TrySetResult(value);
    }

    /// <summary>Ends all with this reason, and those that are added later. From any thread; the first reason holds.</summary>
    internal void Close(RabbitBackupException reason)
    {
        lock (_pending)
        {
            _closed ??= reason;
            while (_pending.TryDequeue(out Reply? reply))
            {
                reply.TrySetException(reason);
            }
        }
    }

    /// <summary>Only a declare's answer carries something.</summary>
    private sealed class Reply(MethodId expected) : TaskCompletionSource<DeclareOk>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        internal MethodId Expected { get; } = expected;
    }
}
