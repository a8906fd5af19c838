namespace RabbitMqBackup.Engine.Broker;

/// <summary>
/// What is published and not yet settled: a ring over the sequence numbers between the lowest unsettled one and the next. The publisher adds, the read loop settles.
/// </summary>
internal sealed class PublishWindow(int capacity, long maxBytes)
{
    private readonly object _gate = new();
    private readonly long[] _sizes = new long[capacity];
    private readonly bool[] _settled = new bool[capacity];
    private TaskCompletionSource? _waiter;
    private ulong _waitUntil;
    private ulong _lowest = 1;
    private ulong _next = 1;
    private ulong _confirmed;
    private ulong _nacked;
    private ulong _returned;
    private long _bytes;
    private ulong? _recorded;

    /// <summary>The lowest number that is not settled: all before it are.</summary>
    internal ulong Lowest
    {
        get
        {
            lock (_gate)
            {
                return _lowest;
            }
        }
    }

    /// <summary>What is known at this moment.</summary>
    internal PublishState State
    {
        get
        {
            lock (_gate)
            {
                List<ulong> unknown = [];
                for (ulong sequence = _lowest; sequence < _next; sequence++)
                {
                    if (!_settled[Slot(sequence)])
                    {
                        unknown.Add(sequence);
                    }
                }

                return new PublishState { Published = _next - 1, Confirmed = _confirmed, Nacked = _nacked, Returned = _returned, Unknown = unknown };
            }
        }
    }

    /// <summary>Messages settled; grows as confirms come.</summary>
    internal ulong Settled
    {
        get
        {
            lock (_gate)
            {
                return _confirmed + _nacked;
            }
        }
    }

    /// <summary>True when a message of this size may be added now; one always may when nothing else is on its way.</summary>
    internal bool HasRoom(long size)
    {
        lock (_gate)
        {
            return HasRoomHere(size);
        }
    }

    /// <summary>Adds a message; its sequence number is the delivery tag that the broker will confirm it by.</summary>
    internal ulong Add(long size)
    {
        lock (_gate)
        {
            int slot = Slot(_next);
            _sizes[slot] = size;
            _settled[slot] = false;
            _bytes += size;
            return _next++;
        }
    }

    /// <summary>Completes when at least half of what is unsettled now has been settled: waking the publisher for each confirm would cost more than it gains. Null when there is room already, or nothing that could be waited for.</summary>
    internal Task? WaitForRoom(long size)
    {
        lock (_gate)
        {
            return HasRoomHere(size) || _lowest == _next ? null : WaitUntil(_lowest + ((_next - _lowest + 1) / 2));
        }
    }

    /// <summary>Completes when nothing is unsettled. Null when that is so already.</summary>
    internal Task? WaitForAll()
    {
        lock (_gate)
        {
            return _lowest == _next ? null : WaitUntil(_next);
        }
    }

    /// <summary>Wakes whoever waits, so that it looks around.</summary>
    internal void Wake()
    {
        lock (_gate)
        {
            _waiter?.TrySetResult();
            _waiter = null;
        }
    }

    /// <summary>
    /// All before this number are known as settled to somebody who will remember. From the first call on the window counts from there: so many messages at most are on their way or settled without
    /// being remembered.
    /// </summary>
    internal void Recorded(ulong lowest)
    {
        lock (_gate)
        {
            _recorded = lowest;
        }
    }

    /// <summary>A message was returned.</summary>
    internal void CountReturned()
    {
        lock (_gate)
        {
            _returned++;
        }
    }

    /// <summary>Settles one message, or all up to it. Numbers that are not on their way are ignored.</summary>
    /// <param name="sequence">The number.</param>
    /// <param name="multiple">All up to it; 0 with it means all.</param>
    /// <param name="refused">Refused instead of confirmed.</param>
    /// <param name="onNacked">Told of each refused one.</param>
    internal void Settle(ulong sequence, bool multiple, bool refused, Action<ulong> onNacked)
    {
        ulong first;
        ulong last;
        lock (_gate)
        {
            last = multiple && sequence == 0 ? _next - 1 : sequence;
            first = multiple ? _lowest : sequence;
            if (first < _lowest || last >= _next)
            {
                return;
            }
        }

        for (ulong current = first; current <= last; current++)
        {
            bool nacked;
            lock (_gate)
            {
                nacked = SettleHere(current, refused) && refused;
            }

            if (nacked)
            {
                onNacked(current);
            }
        }

        lock (_gate)
        {
            while (_lowest < _next && _settled[Slot(_lowest)])
            {
                _lowest++;
            }

            if (_waiter is not null && (_lowest >= _waitUntil || _lowest == _next))
            {
                _waiter.TrySetResult();
                _waiter = null;
            }
        }
    }

    private bool SettleHere(ulong sequence, bool refused)
    {
        int slot = Slot(sequence);
        if (_settled[slot])
        {
            return false;
        }

        _settled[slot] = true;
        _bytes -= _sizes[slot];
        if (refused)
        {
            _nacked++;
        }
        else
        {
            _confirmed++;
        }

        return true;
    }

    private bool HasRoomHere(long size) => _next - (_recorded ?? _lowest) < (ulong)capacity && (_lowest == _next || _bytes + size <= maxBytes);

    private Task WaitUntil(ulong sequence)
    {
        _waitUntil = sequence;
        _waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return _waiter.Task;
    }

    private int Slot(ulong sequence) => (int)(sequence % (ulong)capacity);
}
