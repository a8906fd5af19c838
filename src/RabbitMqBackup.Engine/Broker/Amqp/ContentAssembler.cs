using System.Buffers;
using System.Buffers.Binary;

namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>
/// Puts a content together on one channel: method, header, body frames.
/// <code>
/// header payload = class-id u16 · weight u16 · body-size u64 · property flags u16 · property list
/// </code>
/// A body that comes in one frame is handed on where it lies; a longer one is collected. A body of no bytes has no body frame.
/// </summary>
internal sealed class ContentAssembler : IDisposable
{
    /// <summary>Largest body that is taken; the broker's own limit is 128 MiB.</summary>
    internal const long MaxBody = 512L << 20;

    private const int HeaderPrefix = 12;

    private readonly BodyBlocks _blocks = new();
    private byte[] _method = new byte[1024];
    private byte[] _header = new byte[1024];
    private int _methodLength;
    private int _headerLength;
    private long _bodySize;
    private State _state;

    private enum State
    {
        Idle,
        Header,
        Body,
    }

    /// <summary>A content has begun and is not whole.</summary>
    internal bool IsBusy => _state != State.Idle;

    /// <summary>The largest body that was announced.</summary>
    internal long LargestBody { get; private set; }

    /// <summary>The method that carries the content.</summary>
    internal MethodId Method { get; private set; }

    /// <summary>The method's arguments.</summary>
    internal ReadOnlySpan<byte> Arguments => _method.AsSpan(0, _methodLength);

    /// <summary>Property flags and list, as they came.</summary>
    internal ReadOnlySpan<byte> Properties => _header.AsSpan(HeaderPrefix, _headerLength - HeaderPrefix);

    /// <summary>The body, once the content is whole; valid until <see cref="Reset"/>.</summary>
    internal ReadOnlySequence<byte> Body { get; private set; }

    /// <summary>Takes a method that carries content.</summary>
    internal void Begin(MethodId method, ReadOnlySpan<byte> arguments)
    {
        Require(State.Idle, FrameType.Method);
        Method = method;
        Reserve(ref _method, arguments.Length);
        arguments.CopyTo(_method);
        _methodLength = arguments.Length;
        _state = State.Header;
    }

    /// <summary>Takes a header frame. True when the content is whole with it.</summary>
    /// <exception cref="AmqpProtocolException">Not expected, too short, or the body is larger than is taken.</exception>
    internal bool Header(in ReadOnlySequence<byte> payload)
    {
        Require(State.Header, FrameType.Header);
        int length = (int)payload.Length;
        if (length < HeaderPrefix + 2)
        {
            throw new AmqpProtocolException($"a content header of {length} octets");
        }

        Reserve(ref _header, length);
        payload.CopyTo(_header);
        _headerLength = length;
        ulong size = BinaryPrimitives.ReadUInt64BigEndian(_header.AsSpan(4));
        if (size > MaxBody)
        {
            throw new AmqpProtocolException($"a body of {size} octets is announced; at most {MaxBody} are taken");
        }

        _bodySize = (long)size;
        LargestBody = Math.Max(LargestBody, _bodySize);
        Body = ReadOnlySequence<byte>.Empty;
        _state = size == 0 ? State.Idle : State.Body;
        return size == 0;
    }

    /// <summary>Takes a body frame. True when the content is whole with it.</summary>
    /// <exception cref="AmqpProtocolException">Not expected, or more than was announced.</exception>
    internal bool AddBody(in ReadOnlySequence<byte> payload)
    {
        Require(State.Body, FrameType.Body);
        if (_blocks.Length + payload.Length > _bodySize)
        {
            throw new AmqpProtocolException($"a body has more than the {_bodySize} octets that were announced");
        }

        if (payload.Length == _bodySize)
        {
            Body = payload;
            _state = State.Idle;
            return true;
        }

        _blocks.Append(payload);
        if (_blocks.Length < _bodySize)
        {
            return false;
        }

        Body = _blocks.ToSequence();
        _state = State.Idle;
        return true;
    }

    /// <summary>Lets go of a whole content's body.</summary>
    internal void Reset()
    {
        Body = ReadOnlySequence<byte>.Empty;
        if (_blocks.Length > 0)
        {
            _blocks.Clear();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _blocks.Dispose();

    private static void Reserve(ref byte[] buffer, int length)
    {
        if (buffer.Length < length)
        {
            buffer = new byte[Math.Max(length, buffer.Length * 2)];
        }
    }

    private void Require(State expected, FrameType type)
    {
        if (_state != expected)
        {
            throw new AmqpProtocolException($"a frame of type {type} where a frame of another type was due");
        }
    }
}
