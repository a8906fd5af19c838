namespace RabbitMqBackup.Engine.Broker.Amqp;

/// <summary>The open channels of a connection by number. Few: a publisher takes one, a read three, and one more for each two million messages.</summary>
internal sealed class ChannelTable
{
    private const int MaxChannels = 40;

    private readonly DataChannel?[] _channels = new DataChannel?[MaxChannels + 1];

    /// <summary>The channel with this number, or null.</summary>
    internal DataChannel? this[int number] => number <= MaxChannels ? Volatile.Read(ref _channels[number]) : null;

    /// <summary>Numbers in use lie below this.</summary>
    internal int Length => _channels.Length;

    /// <summary>The channels that are open now.</summary>
    internal List<DataChannel> All
    {
        get
        {
            lock (_channels)
            {
                return [.. _channels.OfType<DataChannel>()];
            }
        }
    }

    /// <summary>Makes a channel with the lowest free number.</summary>
    internal DataChannel Add(Func<ushort, DataChannel> make)
    {
        lock (_channels)
        {
            int number = Array.IndexOf(_channels, null, 1);
            if (number < 0)
            {
                throw new InvalidOperationException($"More than {MaxChannels} channels on one data connection.");
            }

            return _channels[number] = make((ushort)number);
        }
    }

    /// <summary>Frees the number of a closed channel.</summary>
    internal void Remove(DataChannel channel)
    {
        lock (_channels)
        {
            _channels[channel.Number] = null;
        }
    }
}
