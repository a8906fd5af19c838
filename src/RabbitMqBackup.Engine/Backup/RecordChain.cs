using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using RabbitMqBackup.Engine.Messages;

namespace RabbitMqBackup.Engine.Backup;

/// <summary>
/// A fingerprint of all messages of a queue so far, in their order: two reads that give the same messages give the same chain at each message. Left out is what a broker
/// changes when a message is delivered again: the redelivered flag and its counting headers. 64 bits of XXH3 with a start by chance: an equal chain over other messages is not
/// to be expected, and can't be made by who does not know the start.
/// </summary>
internal sealed class RecordChain(long seed)
{
    private static readonly PropertyListEdit WithoutCounts = new()
    {
        DropHeaders = ["x-delivery-count", "x-acquired-count"],
        DropEmptiedHeaders = true,
    };

    private byte[] _scratch = new byte[1024];

    /// <summary>The chain up to the last message.</summary>
    internal long Value { get; private set; } = seed;

    /// <summary>Adds a message.</summary>
    internal void Add(ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey, ReadOnlySpan<byte> properties, in ReadOnlySequence<byte> body)
    {
        ReadOnlySpan<byte> stable = properties.IndexOf("-count"u8) >= 0 ? Stable(properties) : properties;

        // The lengths keep parts apart that only together would be equal.
        Span<byte> head = stackalloc byte[24];
        BinaryPrimitives.WriteInt32LittleEndian(head, exchange.Length);
        BinaryPrimitives.WriteInt32LittleEndian(head[4..], routingKey.Length);
        BinaryPrimitives.WriteInt32LittleEndian(head[8..], stable.Length);
        BinaryPrimitives.WriteInt64LittleEndian(head[12..], body.Length);
        long value = Hash(Hash(Hash(Hash(Value, head), exchange), routingKey), stable);
        if (body.IsSingleSegment)
        {
            Value = Hash(value, body.FirstSpan);
            return;
        }

        // Parts of a body come in other sizes next time: the hash has to be that of the whole.
        XxHash3 hash = new(value);
        foreach (ReadOnlyMemory<byte> part in body)
        {
            hash.Append(part.Span);
        }

        Value = (long)hash.GetCurrentHashAsUInt64();
    }

    private static long Hash(long value, ReadOnlySpan<byte> bytes) => (long)XxHash3.HashToUInt64(bytes, value);

    private ReadOnlySpan<byte> Stable(ReadOnlySpan<byte> properties)
    {
        int length = WithoutCounts.MaxLength(properties.Length);
        if (_scratch.Length < length)
        {
            _scratch = new byte[length * 2];
        }

        try
        {
            return _scratch.AsSpan(0, WithoutCounts.Apply(properties, _scratch));
        }
        catch (RabbitBackupException)
        {
            // A list that can't be followed is stored as it came, and compared as it came.
            return properties;
        }
    }
}
