using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;

namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// What a read has published again: which copies the queue has taken, and which message that comes is one of them. Where others take what was ready and publish meanwhile, no count tells the end of what was ready at the
/// start from the copies behind it; what the read has captured already would be in the backup twice.
/// </summary>
internal sealed class PublishedCopies(QueueName queue)
{
    private readonly HashSet<ulong> _refused = [];
    private readonly Dictionary<UInt128, int> _contents = [];
    private readonly byte[] _queue = Encoding.UTF8.GetBytes(queue.Name);
    private bool _returned;
    private int _channel = -1;

    /// <summary>Those that are published over the channel at work; null where none are.</summary>
    internal PublishWindow? Window { get; private set; }

    /// <summary>The read may come to copies: others are at the queue. Where nobody is, it ends before them, and a message like a copy is another message.</summary>
    internal bool AreSought { get; set; }

    /// <summary>A copy came, so that all that was ready before it is with a consumer.</summary>
    internal bool AreMet { get; private set; }

    /// <summary>From now on they are published over this one of the channels, which numbers them from 1.</summary>
    internal void Begin(int channel)
    {
        if (channel == _channel)
        {
            return;
        }

        _channel = channel;
        _refused.Clear();
        Window = new PublishWindow(64, long.MaxValue);
    }

    /// <summary>The queue has taken this one. Only once all are settled.</summary>
    internal bool IsTaken(ulong sequence) => !_returned && !_refused.Contains(sequence);

    /// <summary>The broker has confirmed or refused some.</summary>
    internal void OnConfirm(ulong deliveryTag, bool multiple, bool refused) => Window?.Settle(deliveryTag, multiple, refused, number => _refused.Add(number));

    /// <summary>The broker has returned one.</summary>
    internal void OnReturned() => _returned = true;

    /// <summary>The queue has taken a copy of this content. Only while no consumer is there.</summary>
    internal void Add(ReadOnlySpan<byte> properties, ReadOnlyMemory<byte> body)
    {
        UInt128 content = Content(properties, new(body));
        _contents[content] = _contents.GetValueOrDefault(content) + 1;
    }

    /// <summary>
    /// It is a copy. Not told from other messages are one that was delivered to somebody, and those of which there are several alike: rather twice in the backup than not at all.
    /// </summary>
    internal bool Meet(in Delivery delivery)
    {
        if (_contents.Count == 0 || delivery.Redelivered || !delivery.Exchange.IsEmpty || !delivery.RoutingKey.SequenceEqual(_queue)
            || (Content(delivery.Properties, delivery.Body) is var content && _contents.GetValueOrDefault(content) != 1))
        {
            return false;
        }

        _contents[content] = 0;
        return AreMet = true;
    }

    private static UInt128 Content(ReadOnlySpan<byte> properties, in ReadOnlySequence<byte> body)
    {
        XxHash128 hash = new(properties.Length);
        hash.Append(properties);
        foreach (ReadOnlyMemory<byte> part in body)
        {
            hash.Append(part.Span);
        }

        Span<byte> value = stackalloc byte[16];
        hash.GetCurrentHash(value);
        return BinaryPrimitives.ReadUInt128LittleEndian(value);
    }
}
