namespace RabbitMqBackup.Engine.Broker.Streams;

/// <summary>Publishing ids on their way, in a ring of fixed size. Ids are added ascending, and settled in any order. Not thread-safe.</summary>
/// <param name="capacity">Most ids on their way.</param>
internal sealed class PublishWindow(int capacity)
{
    /// <summary>In place of a number of messages.</summary>
    private const int Settled = -1;

    private readonly ulong[] _ids = new ulong[capacity];
    private readonly int[] _messages = new int[capacity];
    private int _head;

    /// <summary>Ids on their way, with settled ones behind an unsettled one.</summary>
    internal int Count { get; private set; }

    /// <summary>Ids that can be added.</summary>
    internal int Room => _ids.Length - Count;

    /// <summary>This id and all before it are settled; 0 at first.</summary>
    internal ulong SettledId { get; private set; }

    /// <summary>Adds the next id, of an entry with so many messages; there must be room.</summary>
    internal void Add(ulong id, int messages)
    {
        if (Room == 0 || (Count > 0 && id <= _ids[Index(Count - 1)]))
        {
            throw new InvalidOperationException($"Publishing id {id} was added out of order or without room.");
        }

        int index = Index(Count);
        _ids[index] = id;
        _messages[index] = messages;
        Count++;
    }

    /// <summary>Settles an id.</summary>
    /// <returns>The messages of its entry; -1 for an id that is not on its way.</returns>
    internal int Settle(ulong id)
    {
        int position = Find(id);
        int messages = position < 0 ? -1 : _messages[Index(position)];
        if (messages < 0)
        {
            return -1;
        }

        _messages[Index(position)] = Settled;
        while (Count > 0 && _messages[_head] == Settled)
        {
            SettledId = _ids[_head];
            _head = Index(1);
            Count--;
        }

        return messages;
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
