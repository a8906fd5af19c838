using System.Text;

namespace RabbitMqBackup.Engine.Restore;

/// <summary>From the exchange that a message was published to at first to the one it is published to now. For one thread at a time.</summary>
/// <param name="map">New names.</param>
/// <param name="there">Exchanges that can be published to.</param>
internal sealed class ExchangeRoute(NameMap map, IReadOnlySet<string> there)
{
    private byte[] _from = [];
    private byte[]? _to = [];

    /// <summary>The exchange, or null where it is missing. Consecutive messages of one exchange cost a comparison.</summary>
    internal byte[]? For(ReadOnlySpan<byte> original)
    {
        if (!original.SequenceEqual(_from))
        {
            _from = original.ToArray();
            string name = Encoding.UTF8.GetString(original);
            // The default exchange is always there, and has no other name.
            string target = name.Length == 0 ? name : map.Map(name);
            _to = target.Length == 0 || there.Contains(target) ? Encoding.UTF8.GetBytes(target) : null;
        }

        return _to;
    }
}
