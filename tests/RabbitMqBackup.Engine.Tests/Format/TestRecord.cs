using System.Buffers;
using System.Buffers.Binary;
using RabbitMqBackup.Engine.Format;
using RabbitMqBackup.Engine.Messages.Chunks;
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

    /// <summary>Adds it to a segment; a stream entry as a chunk of its own.</summary>
    /// <param name="writer">The segment.</param>
    /// <param name="pieces">In how many pieces of memory the large part lies.</param>
    internal void AppendTo(SegmentWriter writer, int pieces = 1)
    {
        if (Offset is { } offset)
        {
            byte[] entry = Bytes(Entry);
            bool batch = (entry[0] & 0x80) != 0;
            writer.AppendChunk(new StreamChunkContent
            {
                FirstOffset = offset,
                Timestamp = Time,
                Epoch = Epoch,
                EntryCount = 1,
                MessageCount = batch ? BinaryPrimitives.ReadUInt16BigEndian(entry.AsSpan(1)) : 1,
                Entries = Sequence(entry, pieces),
            });
            return;
        }

        writer.Append(new RecordContent
        {
            Exchange = Bytes(Exchange),
            RoutingKey = Bytes(RoutingKey),
            Properties = Bytes(Properties),
            Body = Sequence(Bytes(Body), pieces),
            Redelivered = Redelivered,
            CapturedAt = Time,
        });
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
        ChunkEntryReader reader = new(record.Entries.Span, (ulong)record.FirstOffset);
        while (reader.TryRead(out ChunkEntry entry))
        {
            entries.Add(new TestRecord("", "", "", "", false, record.CapturedAt, (long)entry.FirstOffset, record.Epoch, Hex(entry.Wire)));
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
