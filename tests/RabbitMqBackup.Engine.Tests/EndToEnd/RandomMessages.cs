using System.Globalization;
using System.Text;
using RabbitMQ.Client;

namespace RabbitMqBackup.Engine.Tests.EndToEnd;

/// <summary>Messages of every kind that brokers pass, made from a seed: sizes from nothing to 1 MiB, any subset of the properties, headers of every field type.</summary>
internal sealed class RandomMessages(int seed)
{
    private static readonly Rune[] Letters = [.. "abcdefghijklmnopqrstuvwxyzÄÖÜßéñ漢字🐇 .-_".EnumerateRunes()];

    private readonly Random _random = new(seed);

    internal (BasicProperties Properties, byte[] Body) Next(int number)
    {
        byte[] body = new byte[Size(number)];
        _random.NextBytes(body);
        return (Properties(number), body);
    }

    /// <summary>Mostly small; every 1,000th is 1 MiB, every 100th some ten kB, every 50th empty.</summary>
    private int Size(int number) => (number % 1000, number % 100, number % 50) switch
    {
        (0, _, _) => 1 << 20,
        (_, 1, _) => _random.Next(10_000, 200_000),
        (_, _, 2) => 0,
        _ => _random.Next(1, 1500),
    };

    private BasicProperties Properties(int number)
    {
        BasicProperties properties = new() { MessageId = number.ToString(CultureInfo.InvariantCulture) };
        if (Coin())
        {
            properties.ContentType = "application/x-" + Text(8);
        }

        if (Coin())
        {
            properties.ContentEncoding = Text(6);
        }

        if (Coin())
        {
            properties.Persistent = Coin();
        }

        if (Coin())
        {
            properties.CorrelationId = Text(40);
        }

        if (Coin())
        {
            properties.ReplyTo = Text(20);
        }

        if (Coin())
        {
            properties.Expiration = "86400000";
        }

        if (Coin())
        {
            properties.Timestamp = new AmqpTimestamp(_random.NextInt64(0, 4_000_000_000));
        }

        if (Coin())
        {
            properties.Type = Text(10);
        }

        if (Coin())
        {
            properties.UserId = "guest";
        }

        if (Coin())
        {
            properties.AppId = Text(10);
        }

        if (Coin())
        {
            properties.ClusterId = Text(5);
        }

        if (Coin())
        {
            properties.Headers = Table(depth: 0);
        }

        return properties;
    }

    private Dictionary<string, object?> Table(int depth)
    {
        Dictionary<string, object?> table = [];
        int count = _random.Next(1, 8);
        for (int i = 0; i < count; i++)
        {
            table[$"h{i}-{Text(4)}"] = Value(depth);
        }

        return table;
    }

    private object? Value(int depth) => _random.Next(depth < 3 ? 16 : 14) switch
    {
        0 => Coin(),
        1 => (sbyte)_random.Next(-128, 128),
        2 => (byte)_random.Next(256),
        3 => (short)_random.Next(-32768, 32768),
        4 => (ushort)_random.Next(65536),
        5 => _random.Next(int.MinValue, int.MaxValue),
        6 => (uint)_random.NextInt64(uint.MaxValue),
        7 => _random.NextInt64(long.MinValue, long.MaxValue),
        8 => (float)_random.NextDouble(),
        9 => _random.NextDouble() * 1e300,
        10 => new decimal(_random.Next(), 0, 0, false, (byte)_random.Next(10)),
        11 => Bytes(30),
        12 => new AmqpTimestamp(_random.NextInt64(0, 4_000_000_000)),
        13 => _random.Next(3) switch { 0 => null, 1 => new BinaryTableValue(Bytes(20)), _ => Text(30) },
        14 => Enumerable.Range(0, _random.Next(1, 5)).Select(_ => Value(depth + 1)).ToList(),
        _ => Table(depth + 1),
    };

    private byte[] Bytes(int most)
    {
        byte[] bytes = new byte[_random.Next(most)];
        _random.NextBytes(bytes);
        return bytes;
    }

    private string Text(int most)
    {
        StringBuilder text = new();
        for (int left = _random.Next(1, Math.Min(most, 20)); left > 0; left--)
        {
            text.Append(Letters[_random.Next(Letters.Length)]);
        }

        return text.ToString();
    }

    private bool Coin() => _random.Next(2) == 0;
}
