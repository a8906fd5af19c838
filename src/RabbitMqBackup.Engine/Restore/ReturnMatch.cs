using System.Buffers;
using System.IO.Hashing;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>
/// Finds out which message a broker gave back: a return carries the message but no number. Returns come in the order of publishing, so it is the first of those on their way behind the last one found
/// with the same routing key and body. The publisher adds, the read loop finds.
/// </summary>
/// <param name="window">Messages that can be on their way at once.</param>
internal sealed class ReturnMatch(int window)
{
    private readonly object _gate = new();
    private readonly (ulong Hash, long Ordinal)[] _sent = new (ulong, long)[window + 1];
    private readonly XxHash3 _hash = new();
    private readonly XxHash3 _returned = new();
    private ulong _next;
    private ulong _found;

    /// <summary>The next message of this connection is about to be published.</summary>
    internal void Add(long ordinal, ReadOnlySpan<byte> routingKey, ReadOnlySpan<byte> body)
    {
        _hash.Append(routingKey);
        _hash.Append(body);
        ulong hash = _hash.GetCurrentHashAsUInt64();
        _hash.Reset();
        lock (_gate)
        {
            _sent[_next++ % (ulong)_sent.Length] = (hash, ordinal);
        }
    }

    /// <summary>Ordinal of a message that came back, or null where it is none of those on their way.</summary>
    internal long? Find(ReadOnlySpan<byte> routingKey, ReadOnlySequence<byte> body)
    {
        _returned.Append(routingKey);
        foreach (ReadOnlyMemory<byte> part in body)
        {
            _returned.Append(part.Span);
        }

        ulong hash = _returned.GetCurrentHashAsUInt64();
        _returned.Reset();
        lock (_gate)
        {
            ulong oldest = _next > (ulong)_sent.Length ? _next - (ulong)_sent.Length : 0;
            for (ulong i = Math.Max(_found, oldest); i < _next; i++)
            {
                (ulong sent, long ordinal) = _sent[i % (ulong)_sent.Length];
                if (sent == hash)
                {
                    _found = i + 1;
                    return ordinal;
                }
            }

            return null;
        }
    }

    /// <summary>A connection ended: another one counts anew.</summary>
    internal void Reset()
    {
        lock (_gate)
        {
            (_next, _found) = (0, 0);
        }
    }
}
