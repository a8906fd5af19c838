using System.Buffers.Binary;
using System.IO.Hashing;
using RabbitMqBackup.Engine.Format;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Format;

/// <summary>Writes, forges and reads whole segments.</summary>
internal static class TestSegment
{
    /// <summary>One pool for what does not look at its counts: a new one would have new blocks, and garbage collection would take most of the time.</summary>
    internal static BlockPool Pool { get; } = new();

    /// <summary>Every record format with every compression.</summary>
    internal static TheoryData<RecordFormat, SegmentCompression> AllKinds
    {
        get
        {
            TheoryData<RecordFormat, SegmentCompression> kinds = [];
            foreach (RecordFormat format in Enum.GetValues<RecordFormat>())
            {
                foreach (SegmentCompression compression in Enum.GetValues<SegmentCompression>())
                {
                    kinds.Add(format, compression);
                }
            }

            return kinds;
        }
    }

    internal static byte[] Write(RecordFormat format, SegmentCompression compression, IEnumerable<TestRecord> records, int pieces = 1)
    {
        using SegmentWriter writer = new(new SegmentWriterOptions { BlockPool = Pool, RecordFormat = format, Compression = compression });
        TestRecord.Append(writer, records, pieces);

        using SegmentContent content = writer.Finish();
        return Bytes(content);
    }

    internal static byte[] Bytes(SegmentContent content)
    {
        byte[] bytes = new byte[content.Length];
        using Stream stream = content.OpenRead();
        stream.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>A segment with any payload and a checksum that is right, as an attacker would make it.</summary>
    internal static byte[] Forge(byte[] payload, int version = 2, int compression = 0, ulong records = 1, long first = 1, long last = 1, ushort flags = 0)
    {
        byte[] segment = [.. "RBAK"u8, (byte)version, (byte)compression, .. new byte[26], .. payload, .. new byte[4], .. "KABR"u8];
        BinaryPrimitives.WriteUInt16LittleEndian(segment.AsSpan(6), flags);
        BinaryPrimitives.WriteUInt64LittleEndian(segment.AsSpan(8), records);
        BinaryPrimitives.WriteInt64LittleEndian(segment.AsSpan(16), first);
        BinaryPrimitives.WriteInt64LittleEndian(segment.AsSpan(24), last);
        return Seal(segment);
    }

    /// <summary>Makes the checksum right again.</summary>
    internal static byte[] Seal(byte[] segment)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(segment.AsSpan(segment.Length - 8), Crc32.HashToUInt32(segment.AsSpan(0, segment.Length - 8)));
        return segment;
    }

    /// <summary>A record with its length in front.</summary>
    internal static byte[] Prefixed(params byte[] record)
    {
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, record.Length);
        return [.. length, .. record];
    }

    internal static Task<SegmentReader> OpenAsync(byte[] segment, SegmentReadOptions? options = null) =>
        SegmentReader.OpenAsync(new MemoryStream(segment), options ?? new SegmentReadOptions { BlockPool = Pool }, CancellationToken.None);

    internal static async Task<List<TestRecord>> ReadAsync(byte[] segment, SegmentReadOptions? options = null)
    {
        using SegmentReader reader = await OpenAsync(segment, options);
        List<TestRecord> records = [];
        while (reader.TryRead(out SegmentRecord record))
        {
            records.AddRange(TestRecord.From(record));
        }

        return records;
    }

    /// <summary>The error that a segment ends with.</summary>
    internal static Task<RabbitBackupException> FailAsync(byte[] segment, SegmentReadOptions? options = null) =>
        Assert.ThrowsAsync<RabbitBackupException>(() => ReadAsync(segment, options));
}
