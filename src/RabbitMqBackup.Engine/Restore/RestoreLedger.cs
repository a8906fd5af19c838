using RabbitMqBackup.Engine.Broker;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>
/// What is known of each message of one queue's restore, over all connections that it takes: which are through, which are on their way, which may be there or not since a connection was lost. Without IO.
/// The publisher's side calls it from one thread at a time; refusals come from the connection's read loop.
/// </summary>
/// <param name="window">Messages that can be on their way at once.</param>
internal sealed class RestoreLedger(int window)
{
    // One more than can be on their way: a message is entered before the publisher waits for room.
    private readonly long[] _ordinals = new long[window + 1];
    private readonly SortedSet<long> _open = [];
    private readonly object _gate = new();
    private readonly List<long> _refused = [];
    private readonly Queue<long> _expiredAhead = [];
    private readonly List<long> _refusedAhead = [];
    private ulong _sequence;
    private long _next;
    private long _entered;
    private long _expiredThrough;
    private long _mixedUntil;
    private bool _isAgain;

    /// <summary>Messages that the broker confirmed and that reached a queue.</summary>
    internal long Confirmed { get; private set; }

    /// <summary>Messages that reached no queue.</summary>
    internal long Returned { get; private set; }

    /// <summary>Messages that the broker refused, or that could not be sent.</summary>
    internal long Rejected { get; private set; }

    /// <summary>Messages whose time to live was over.</summary>
    internal long Expired { get; private set; }

    /// <summary>Messages that an earlier run had confirmed.</summary>
    internal long AlreadyThere { get; private set; }

    /// <summary>Messages sent a second time, since nobody knew whether the broker had them.</summary>
    internal long SentAgain { get; private set; }

    /// <summary>Messages of which nobody knows whether the broker has them.</summary>
    internal int Unconfirmed => _open.Count;

    /// <summary>Ordinal of the first message that is not through: where to go on. Right between two connections.</summary>
    internal long FirstOpen => _open.Count > 0 ? _open.Min : _next;

    /// <summary>Ordinal of the last message of which nobody knows; only where there is one.</summary>
    internal long LastOpen => _open.Max;

    /// <summary>Messages that were on their way when the last connection ended.</summary>
    internal int LostTogether { get; private set; }

    /// <summary>Ordinal of the first of them; -1 where there is none.</summary>
    internal long LostFirst { get; private set; } = -1;

    /// <summary>Ordinals of those that were refused, as they came.</summary>
    internal IReadOnlyList<long> Refused
    {
        get
        {
            lock (_gate)
            {
                return [.. _refused];
            }
        }
    }

    /// <summary>Begins at an ordinal; all before it are through.</summary>
    internal void BeginAt(long ordinal) => _next = ordinal;

    /// <summary>Goes on where an earlier run came to.</summary>
    internal void GoOn(RestoreMark mark)
    {
        _next = mark.Through;
        _entered = mark.Passed;
        _expiredThrough = Expired = mark.Expired;
        _refused.AddRange(mark.Refused);
        Rejected = mark.Refused.Count;
        AlreadyThere = mark.Passed - mark.Expired - mark.Refused.Count;
        SentAgain = mark.Beyond;
    }

    /// <summary>
    /// What can be remembered while a connection is at work: how far everything is through. Null until all is through that was begun on an earlier connection: before that there is nothing new.
    /// </summary>
    /// <param name="lowest">The lowest sequence number that is not settled.</param>
    internal RestoreMark? MarkAt(ulong lowest)
    {
        lock (_gate)
        {
            if (_open.Count > 0)
            {
                return null;
            }

            ulong ahead = lowest <= _sequence ? _sequence - lowest + 1 : 0;
            long through = ahead > 0 ? _ordinals[lowest % (ulong)_ordinals.Length] : _next;
            return _open.Count > 0 || through < _mixedUntil ? null : Mark(through, _entered - (long)ahead, window);
        }
    }

    /// <summary>What can be remembered between two connections, or at the end.</summary>
    internal RestoreMark MarkAtEnd()
    {
        lock (_gate)
        {
            // Those that are settled behind the first open one would be sent again by another run: they count as open.
            long ahead = _open.Count == 0 ? 0 : Math.Min(window, _next - _open.Min);
            return Mark(FirstOpen, _entered - ahead, ahead);
        }
    }

    /// <summary>True when the message is through already.</summary>
    internal bool IsThrough(long ordinal) => ordinal < _next && !_open.Contains(ordinal);

    /// <summary>The message is about to be published, as the next of this connection.</summary>
    internal void Publishing(long ordinal)
    {
        lock (_gate)
        {
            _ordinals[++_sequence % (ulong)_ordinals.Length] = ordinal;
        }

        _isAgain = _open.Remove(ordinal);
        SentAgain += _isAgain ? 1 : 0;
        _entered += _isAgain ? 0 : 1;
        _next = Math.Max(_next, ordinal + 1);
    }

    /// <summary>The message that was last entered was not sent after all, since it can't be.</summary>
    internal void NotSent()
    {
        lock (_gate)
        {
            AddRefused(_ordinals[_sequence-- % (ulong)_ordinals.Length]);
        }

        Rejected++;
    }

    /// <summary>The message needs no publishing: its time to live is over.</summary>
    internal void Expire(long ordinal)
    {
        Pass(ordinal);
        Expired++;
        lock (_gate)
        {
            _expiredAhead.Enqueue(ordinal);
        }
    }

    /// <summary>The message has no exchange to go to.</summary>
    internal void Return(long ordinal)
    {
        Pass(ordinal);
        Returned++;
        lock (_gate)
        {
            AddRefused(ordinal);
        }
    }

    /// <summary>A message came back, and is to be kept with those that were refused. From the read loop.</summary>
    internal void Keep(long ordinal)
    {
        lock (_gate)
        {
            AddRefused(ordinal);
        }
    }

    /// <summary>The broker refused a message by its sequence number. From the read loop.</summary>
    internal long Refuse(ulong sequence)
    {
        lock (_gate)
        {
            long ordinal = _ordinals[sequence % (ulong)_ordinals.Length];
            AddRefused(ordinal);
            return ordinal;
        }
    }

    /// <summary>The one message on its way was refused by closing the channel.</summary>
    internal void RefuseOpen(long ordinal)
    {
        _open.Remove(ordinal);
        Rejected++;
        lock (_gate)
        {
            AddRefused(ordinal);
        }
    }

    /// <summary>A connection has come to its end, in whatever way: adds its counts up, and takes note of what is not known.</summary>
    internal void End(PublishState state)
    {
        Confirmed += (long)(state.Confirmed - state.Returned);
        Returned += (long)state.Returned;
        Rejected += (long)state.Nacked;
        lock (_gate)
        {
            LostTogether = state.Unknown.Count;
            LostFirst = LostTogether > 0 ? _ordinals[state.Unknown[0] % (ulong)_ordinals.Length] : -1;
            foreach (ulong sequence in state.Unknown)
            {
                _open.Add(_ordinals[sequence % (ulong)_ordinals.Length]);
            }

            if (_sequence > state.Published)
            {
                ForgetLast(_ordinals[_sequence % (ulong)_ordinals.Length]);
            }

            _sequence = 0;
            _mixedUntil = _open.Count > 0 ? _next : 0;
        }
    }

    private RestoreMark Mark(long through, long passed, long beyond)
    {
        while (_expiredAhead.TryPeek(out long expired) && expired < through)
        {
            _expiredAhead.Dequeue();
            _expiredThrough++;
        }

        long[] refused = [.. _refusedAhead.Where(ordinal => ordinal < through)];
        _refusedAhead.RemoveAll(ordinal => ordinal < through);
        return new RestoreMark(through, passed, _expiredThrough, beyond, refused);
    }

    private void AddRefused(long ordinal)
    {
        _refused.Add(ordinal);
        _refusedAhead.Add(ordinal);
    }

    /// <summary>The message was entered, but the publisher did not come to send it.</summary>
    private void ForgetLast(long ordinal)
    {
        if (_isAgain)
        {
            _open.Add(ordinal);
            SentAgain--;
        }
        else
        {
            _next = ordinal;
            _entered--;
        }
    }

    private void Pass(long ordinal)
    {
        _entered += _open.Remove(ordinal) ? 0 : 1;
        _next = Math.Max(_next, ordinal + 1);
    }
}
