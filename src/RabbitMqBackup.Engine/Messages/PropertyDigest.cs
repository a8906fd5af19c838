using System.Buffers;
using System.Security.Cryptography;

namespace RabbitMqBackup.Engine.Messages;

/// <summary>
/// A digest of a message that does not depend on the order of header names, which brokers change (RabbitMQ 4 sorts them; 3.10 does in quorum queues): equal digests, equal messages. For one thread
/// at a time.
/// </summary>
internal sealed class PropertyDigest : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _result = new byte[32];

    /// <summary>The digest of a message: the first 16 bytes of a SHA-256.</summary>
    /// <param name="properties">Its property list as on the wire.</param>
    /// <param name="body">Its body.</param>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>: the list is malformed.</exception>
    internal UInt128 Of(ReadOnlySpan<byte> properties, ReadOnlySequence<byte> body)
    {
        PropertyListReader reader = new(properties);
        reader.ThrowIfMalformed();
        while (reader.TryRead())
        {
            _hash.AppendData([(byte)reader.Property]);
            if (reader.Property == BasicProperty.Headers)
            {
                AppendTable(reader.Value);
            }
            else
            {
                _hash.AppendData(reader.Raw);
            }
        }

        reader.ThrowIfMalformed();
        _hash.AppendData([byte.MaxValue]);
        foreach (ReadOnlyMemory<byte> part in body)
        {
            _hash.AppendData(part.Span);
        }

        _hash.GetHashAndReset(_result);
        return new UInt128(BitConverter.ToUInt64(_result), BitConverter.ToUInt64(_result, 8));
    }

    /// <inheritdoc/>
    public void Dispose() => _hash.Dispose();

    /// <summary>Entries by name, each with its value; a name that is there twice stays in its order.</summary>
    private void AppendTable(ReadOnlySpan<byte> content)
    {
        byte[] copy = content.ToArray();
        List<(int Start, int Name, int Length, byte Type, int Value)> entries = [];
        FieldReader fields = new(content, named: true, 0);
        int position = 0;
        while (fields.TryRead())
        {
            entries.Add((position, fields.Name.Length, fields.Raw.Length, fields.Type, fields.Value.Length));
            position += fields.Raw.Length;
        }

        fields.ThrowIfMalformed();
        foreach ((int start, int name, int length, byte type, int value) in entries.OrderBy(entry => copy.AsMemory(entry.Start + 1, entry.Name), NameOrder.Instance))
        {
            ReadOnlySpan<byte> raw = copy.AsSpan(start, length);
            _hash.AppendData(raw[..(length - value)]);
            AppendValue(type, raw[(length - value)..]);
        }

        _hash.AppendData([byte.MaxValue]);
    }

    private void AppendValue(byte type, ReadOnlySpan<byte> value)
    {
        if (type == (byte)'F')
        {
            AppendTable(value);
            return;
        }

        if (type != (byte)'A')
        {
            _hash.AppendData(value);
            return;
        }

        FieldReader items = new(value, named: false, 0);
        while (items.TryRead())
        {
            _hash.AppendData([items.Type]);
            AppendValue(items.Type, items.Value);
        }

        items.ThrowIfMalformed();
        _hash.AppendData([byte.MaxValue]);
    }

    private sealed class NameOrder : IComparer<Memory<byte>>
    {
        internal static NameOrder Instance { get; } = new();

        public int Compare(Memory<byte> x, Memory<byte> y) => x.Span.SequenceCompareTo(y.Span);
    }
}
