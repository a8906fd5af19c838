using System.Buffers;
using System.Buffers.Binary;

namespace RabbitMqBackup.Engine.Messages.Chunks;

/// <summary>Splits a chunk's data into single messages, batches unpacked: for those who look at messages, never for moving a stream.</summary>
internal static class ChunkMessages
{
    /// <summary>Takes one message.</summary>
    /// <param name="offset">Its offset.</param>
    /// <param name="message">It, in AMQP 1.0 encoding; borrowed for the time of the call.</param>
    /// <returns>False to see no more.</returns>
    internal delegate bool Visitor(ulong offset, ReadOnlySpan<byte> message);

    /// <summary>Shows each message.</summary>
    /// <param name="data">The chunk's data.</param>
    /// <param name="firstOffset">The chunk's offset.</param>
    /// <param name="visitor">Takes them.</param>
    /// <returns>False where the visitor stopped.</returns>
    /// <exception cref="RabbitBackupException"><see cref="ErrorCode.SegmentCorrupt"/>: an entry is damaged; all messages before it have been shown.</exception>
    internal static bool Visit(ReadOnlySpan<byte> data, ulong firstOffset, Visitor visitor)
    {
        ChunkEntryReader entries = new(data, firstOffset);
        while (entries.TryRead(out ChunkEntry entry))
        {
            if (!(entry.IsBatch ? VisitBatch(entry, visitor) : visitor(entry.FirstOffset, entry.Payload)))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Shows each message of a batch: <code>(length:u32 octets)*</code></summary>
    private static bool VisitBatch(in ChunkEntry entry, Visitor visitor)
    {
        byte[]? rented = null;
        try
        {
            ReadOnlySpan<byte> rest;
            if (entry.Codec is BatchCodec.None)
            {
                rest = entry.Payload;
            }
            else
            {
                int length = BatchCompression.CheckLength(entry);
                rented = ArrayPool<byte>.Shared.Rent(Math.Max(length, 1));
                BatchCompression.Decompress(entry, rented.AsSpan(0, length));
                rest = rented.AsSpan(0, length);
            }

            for (uint i = 0; i < entry.Records; i++)
            {
                uint length = rest.Length < 4 ? uint.MaxValue : BinaryPrimitives.ReadUInt32BigEndian(rest);
                if (length > (uint)Math.Max(rest.Length - 4, 0))
                {
                    throw ChunkEntryReader.Corrupt($"the batch at offset {entry.FirstOffset} claims {entry.Records} messages and ends in message {i}");
                }

                if (!visitor(entry.FirstOffset + i, rest.Slice(4, (int)length)))
                {
                    return false;
                }

                rest = rest[(4 + (int)length)..];
            }

            return true;
        }
        finally
        {
            if (rented is not null)
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }
    }
}
