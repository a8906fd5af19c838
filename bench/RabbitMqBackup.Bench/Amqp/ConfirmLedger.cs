namespace RabbitMqBackup.Bench.Amqp;

/// <summary>Which of the messages 1 to n are confirmed. One thread at a time.</summary>
internal sealed class ConfirmLedger(int messages)
{
    private readonly bool[] _confirmed = new bool[messages + 1];
    private int _allBelow = 1;

    /// <summary>Confirmed messages.</summary>
    internal int Count { get; private set; }

    /// <summary>Takes a basic.ack.</summary>
    internal void Acknowledge(ulong deliveryTag, bool multiple)
    {
        int tag = checked((int)deliveryTag);
        for (int number = multiple ? _allBelow : tag; number <= tag; number++)
        {
            Count += _confirmed[number] ? 0 : 1;
            _confirmed[number] = true;
        }

        _allBelow = multiple ? Math.Max(_allBelow, tag + 1) : _allBelow;
    }
}
