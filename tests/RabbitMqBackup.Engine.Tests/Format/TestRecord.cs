using System.Buffers;
using System.Buffers.Binary;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Messages;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Format;

/// <summary>A record that can be kept and compared: a message, or one entry of a stream chunk.</summary>
internal sealed record TestRecord(
    string Exchange, string RoutingKey, string Properties, string Body, bool Redelivered, long Time, long? Offset = null, long Epoch = 0, string Entry = "")
{
    internal static TestRecord Message(byte[] exchange, byte[] routingKey, byte[] properties, byte[] body, bool redelivered = false, long time = 1) =>
        new(Hex(exchange), Hex(routingKey), Hex(properties), Hex(body), redelivered, time);

    internal static TestRecord StreamEntry(long offset, byte[] entry, long time = 1, long epoch = 0) =>
        new("", "", "", "", false, time, offset, epoch, Hex(entry));

    /// <summary>How many messages it is: more than one for a batch of a stream.</summary>
    internal int Messages => Offset is not null && (Bytes(Entry)[0] & 0x80) != 0 ? BinaryPrimitives.ReadUInt16BigEndian(Bytes(Entry).AsSpan(1)) : 1;

    /// <summary>Adds it to a segment; a stream entry as a chunk of its own.</summary>
    internal void AppendTo(SegmentWriter writer) => Append(writer, [this], pieces: 1);

    /// <summary>Adds records to a segment; stream entries that can come from one chunk as one.</summary>
    /// <param name="writer">The segment.</param>
    /// <param name="records">The records.</param>
    /// <param name="pieces">In how many pieces of memory the large part of each lies.</param>
    internal static void Append(SegmentWriter writer, IEnumerable<TestRecord> records, int pieces)
    {
        List<TestRecord> chunk = [];
        foreach (TestRecord record in records)
        {
            if (chunk.Count > 0 && (record.Offset != chunk[^1].Offset + chunk[^1].Messages || record.Time != chunk[0].Time || record.Epoch != chunk[0].Epoch))
            {
                AppendChunk(writer, chunk, pieces);
            }

            if (record.Offset is not null)
            {
                chunk.Add(record);
                continue;
            }

            writer.Append(new RecordContent
            {
                Exchange = Bytes(record.Exchange),
                RoutingKey = Bytes(record.RoutingKey),
                Properties = Bytes(record.Properties),
                Body = Sequence(Bytes(record.Body), pieces),
                Redelivered = record.Redelivered,
                CapturedAt = record.Time,
            });
        }

        if (chunk.Count > 0)
        {
            AppendChunk(writer, chunk, pieces);
        }
    }

    /// <summary>What a record read holds: one message, or the entries of a chunk one by one.</summary>
    internal static IEnumerable<TestRecord> From(SegmentRecord record)
    {
        if (record.Kind == SegmentRecordKind.Message)
        {
            return
            [
                new TestRecord(
                    Hex(record.Exchange.Span), Hex(record.RoutingKey.Span), Hex(record.Properties.Span), Hex(record.Body.Span), record.Redelivered, record.CapturedAt),
            ];
        }

        List<TestRecord> entries = [];
        StreamEntryReader reader = new(record.Entries.Span, record.FirstOffset);
        while (reader.TryRead(out StreamEntry entry))
        {
            entries.Add(new TestRecord("", "", "", "", false, record.CapturedAt, entry.Offset, record.Epoch, Hex(entry.Raw)));
        }

        Assert.Equal(record.EntryCount, entries.Count);
        return entries;
    }

    internal static ReadOnlySequence<byte> Sequence(byte[] bytes, int pieces)
    {
        if (pieces <= 1)
        {
            return new ReadOnlySequence<byte>(bytes);
        }

        int size = Math.Max(1, bytes.Length / pieces);
        Piece first = new(default, 0);
        Piece last = first;
        for (int start = 0; start < bytes.Length; start += size)
        {
            last = last.Append(bytes.AsMemory(start, Math.Min(size, bytes.Length - start)));
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private static void AppendChunk(SegmentWriter writer, List<TestRecord> chunk, int pieces)
    {
        writer.AppendChunk(new StreamChunkContent
        {
            FirstOffset = chunk[0].Offset ?? 0,
            Timestamp = chunk[0].Time,
            Epoch = chunk[0].Epoch,
            EntryCount = chunk.Count,
            MessageCount = chunk.Sum(entry => entry.Messages),
            Entries = Sequence([.. chunk.SelectMany(entry => Bytes(entry.Entry))], pieces),
        });
        chunk.Clear();
    }

    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexString(bytes);

    private static byte[] Bytes(string hex) => Convert.FromHexString(hex);

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        internal Piece(ReadOnlyMemory<byte> memory, long index)
        {
            Memory = memory;
            RunningIndex = index;
        }

        internal Piece Append(ReadOnlyMemory<byte> memory)
        {
            Piece next = new(memory, RunningIndex + Memory.Length);
            Next = next;
            return next;
        }
    }
}
