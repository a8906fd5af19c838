using System.Buffers.Binary;
using System.Numerics;

namespace RabbitMqBackup.Engine.Storage;

/// <summary>CRC-32C (Castagnoli), as Google Cloud Storage keeps it of every object; by the processor's instruction where it has one.</summary>
internal sealed class Crc32C
{
    private uint _state = uint.MaxValue;

    internal void Append(ReadOnlySpan<byte> bytes)
    {
        uint state = _state;
        for (; bytes.Length >= 8; bytes = bytes[8..])
        {
            state = BitOperations.Crc32C(state, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }

        foreach (byte value in bytes)
        {
            state = BitOperations.Crc32C(state, value);
        }

        _state = state;
    }

    /// <summary>The value as the JSON API writes it: base64 of four bytes, big-endian.</summary>
    public override string ToString()
    {
        Span<byte> value = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(value, ~_state);
        return Convert.ToBase64String(value);
    }
}
