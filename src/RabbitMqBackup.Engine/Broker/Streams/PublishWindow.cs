namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>Publishing ids on their way, in a ring of fixed size. Ids are added ascending, and settled in any order. Not thread-safe.</summary>
/// <param name="capacity">Most ids on their way.</param>
internal sealed class PublishWindow(int capacity)
{
    private readonly ulong[] _ids = new ulong[capacity];
    private readonly bool[] _settled = new bool[capacity];
    private int _head;

    /// <summary>Ids on their way, with settled ones behind an unsettled one.</summary>
    internal int Count { get; private set; }

    /// <summary>Ids that can be added.</summary>
    internal int Room => _ids.Length - Count;

    /// <summary>This id and all before it are settled; 0 at first.</summary>
    internal ulong SettledId { get; private set; }

    /// <summary>Adds the next id; there must be room.</summary>
    internal void Add(ulong id)
    {
        if (Room == 0 || (Count > 0 && id <= _ids[Index(Count - 1)]))
        {
            throw new InvalidOperationException($"Publishing id {id} was added out of order or without room.");
        }

        int index = Index(Count);
        _ids[index] = id;
        _settled[index] = false;
        Count++;
    }

    /// <summary>Settles an id.</summary>
    /// <returns>False for an id that is not on its way.</returns>
    internal bool Settle(ulong id)
    {
        int position = Find(id);
        if (position < 0 || _settled[Index(position)])
        {
            return false;
        }

        _settled[Index(position)] = true;
        while (Count > 0 && _settled[_head])
        {
            SettledId = _ids[_head];
            _head = Index(1);
            Count--;
        }

        return true;
    }

    private int Index(int position)
    {
        int index = _head + position;
        return index < _ids.Length ? index : index - _ids.Length;
    }

    /// <summary>Brokers confirm nearly in order, so the head is looked at first.</summary>
    private int Find(ulong id)
    {
        int low = 0;
        int high = Count - 1;
        if (Count > 0 && _ids[_head] == id)
        {
            return 0;
        }

        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            ulong found = _ids[Index(middle)];
            if (found == id)
            {
                return middle;
            }

            if (found < id)
            {
                low = middle + 1;
            }
            else
            {
                high = middle - 1;
            }
        }

        return -1;
    }
}
